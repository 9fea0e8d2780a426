// Command dashboard reads a dashboard's model on standard input, as strictly as Grafana's published types allow: a field
// that the dashboard, one of its panels or one of its queries does not have is an error, and so is a value out of range.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check() error {
	plugins.RegisterDefaultPlugins()
	model, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	board := dashboard.Dashboard{}
	for _, err := range []error{board.UnmarshalJSONStrict(model), board.Validate()} {
		// The library returns empty lists of errors too.
		if err != nil && err.Error() != "" {
			return err
		}
	}
	return nil
}
