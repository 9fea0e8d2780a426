// Executes templates as External Secrets does, and says which become another text than they should. It is given pairs in
// JSON on standard input. None of them may need a function.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
)

func main() {
	var pairs [][2]string
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		panic(err)
	}
	wrong := 0
	for _, pair := range pairs {
		if become, err := execute(pair[0]); err != nil || become != pair[1] {
			fmt.Printf("%q becomes %q, not %q: %v\n", pair[0], become, pair[1], err)
			wrong++
		}
	}
	fmt.Printf("%d executed, %d wrong\n", len(pairs), wrong)
}

func execute(text string) (string, error) {
	parsed, err := template.New("key").Option("missingkey=error").Delims("{{", "}}").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, map[string]string{"password": "a-password"})
	return out.String(), err
}
