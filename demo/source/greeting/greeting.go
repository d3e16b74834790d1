// Package greeting says hello to whom the flags name.
package greeting

import "git.example.com/acme/flagset"

// Line returns the greeting for these arguments.
func Line(args []string) string {
	return "hello, " + flagset.Value(args, "name", "world")
}
