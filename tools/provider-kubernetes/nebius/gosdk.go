// Package gosdk stands in the place of the login of one cloud that provider-kubernetes links. No module registry that
// this project is built from serves the original. Whoever names that login in a ProviderConfig gets an error; no
// ProviderConfig of ours does.
package gosdk

import (
	"context"
	"errors"

	"github.com/nebius/gosdk/auth"
)

type SDK struct{}

type Option struct{}

type Credentials struct{}

func ServiceAccountReader(auth.PrivateKeyParser) Credentials { return Credentials{} }

func WithCredentials(Credentials) Option { return Option{} }

func New(context.Context, ...Option) (*SDK, error) {
	return nil, errors.New("this build of provider-kubernetes has no login for Nebius")
}

func (*SDK) BearerToken(context.Context) (auth.BearerToken, error) {
	return auth.BearerToken{}, errors.New("this build of provider-kubernetes has no login for Nebius")
}
