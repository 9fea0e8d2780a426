// Package auth has the types that package gosdk beside it speaks of.
package auth

type BearerToken struct {
	Token string
}

type PrivateKeyParser struct{}

func NewPrivateKeyParser([]byte, string, string) PrivateKeyParser { return PrivateKeyParser{} }
