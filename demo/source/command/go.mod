module git.example.com/acme/command

go 1.21

require (
	git.example.com/acme/flagset v1.0.5
	git.example.com/acme/greeting v0.2.0
)
