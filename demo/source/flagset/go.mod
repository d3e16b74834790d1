module git.example.com/acme/flagset

go 1.21
