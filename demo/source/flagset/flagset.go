// Package flagset reads flags of the form --name=value.
package flagset

// Value returns the value of the last argument that sets name, or fallback.
func Value(args []string, name, fallback string) string {
	prefix := "--" + name + "="
	value := fallback
	for _, arg := range args {
		if len(arg) >= len(prefix) && arg[:len(prefix)] == prefix {
			value = arg[len(prefix):]
		}
	}
	return value
}
