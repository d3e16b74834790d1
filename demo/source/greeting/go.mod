module git.example.com/acme/greeting

go 1.21

require git.example.com/acme/flagset v1.0.4
