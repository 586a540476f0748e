package vault

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	firstPause = time.Second
	longPause  = time.Minute
)

// Run keeps the token alive until ctx ends: it is renewed before it ends, as long as Vault lets it be. What hinders that is logged once per change,
// and tried again.
func (v *Vault) Run(ctx context.Context) {
	said, pause := "", firstPause
	for ctx.Err() == nil {
		began := time.Now()
		kept, err := v.keep(ctx)
		if kept || ctx.Err() != nil {
			<-ctx.Done()
			return
		}
		if time.Since(began) > longPause {
			pause = firstPause
		}
		if text := err.Error(); text != said {
			said = text
			v.cfg.Log.Warn("the Vault token is not kept alive, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// keep renews the token until that fails. True: nothing has to be done any more.
func (v *Vault) keep(ctx context.Context) (bool, error) {
	self, err := v.client.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		return false, tokenFailure(err)
	}
	left, err := self.TokenTTL()
	if err != nil {
		return false, tokenFailure(err)
	}
	renewable, err := self.TokenIsRenewable()
	switch {
	case err != nil:
		return false, tokenFailure(err)
	case left == 0:
		return true, nil // it lives for ever
	case !renewable:
		v.cfg.Log.Warn("the Vault token cannot be renewed; set another one before it ends", "in", left.String())
		return true, nil
	}
	first, err := v.client.Auth().Token().RenewSelfWithContext(ctx, 0)
	if err != nil {
		return false, tokenFailure(err)
	}
	// Errors are ours to wait after: the watcher's own waiting ends in asking without a pause until the token has nearly ended.
	watcher, err := v.client.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: first, RenewBehavior: api.RenewBehaviorErrorOnErrors})
	if err != nil {
		return false, tokenFailure(err)
	}
	go watcher.Start()
	defer watcher.Stop()
	v.cfg.Log.Debug("the Vault token is kept alive")
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-watcher.RenewCh():
		case err := <-watcher.DoneCh():
			if err == nil {
				err = errors.New("it cannot be renewed any further")
			}
			return false, tokenFailure(err)
		}
	}
}

func tokenFailure(err error) error {
	var r *api.ResponseError
	if errors.As(err, &r) {
		return &refusal{r}
	}
	return err
}
