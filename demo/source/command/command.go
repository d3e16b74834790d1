// Package command stands in for a public command-line library where there is no network.
package command

import (
	"git.example.com/acme/flagset"
	"git.example.com/acme/greeting"
)

// Run answers to the arguments of a command.
func Run(args []string) string {
	if flagset.Value(args, "quiet", "no") == "yes" {
		return ""
	}
	return greeting.Line(args)
}
