// Command sample is the smallest service that still has dependencies: it greets, and says at which address it would listen.
package main

import (
	"syscall"

	"git.example.com/acme/flagset"
	"git.example.com/acme/greeting"
)

func main() {
	args := []string{"--name=release"}
	text := greeting.Line(args) + " from " + flagset.Value(args, "listen", "127.0.0.1:8080") + "\n"
	syscall.Write(1, []byte(text))
}
