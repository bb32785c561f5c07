package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// runOauthLoop is a service on x/oauth2 whose token is never good. Forms: `clock`, whose clock runs ahead so that each call fetches another
// token; `dead`, whose refresh token is gone and which asks on and on; `fresh`, which builds its token source anew at each call.
func runOauthLoop(s *seat) {
	endpoint := oauth2.Endpoint{TokenURL: s.url + s.path("token", "")}
	config := &oauth2.Config{ClientID: s.clientID, ClientSecret: s.clientSecret, Endpoint: endpoint}
	app := &clientcredentials.Config{ClientID: s.clientID, ClientSecret: s.clientSecret, TokenURL: config.Endpoint.TokenURL}
	dead := &oauth2.Token{AccessToken: s.hex(40), RefreshToken: s.hex(40), Expiry: time.Now().Add(-time.Hour)}
	source := config.TokenSource(s.ctx, dead)
	pace := s.ms(60, 4000)
	for n := s.logInt(8, 300); n > 0 && !s.isOver(); n-- {
		switch s.form {
		case "dead":
			callWith(s, source)
		case "clock":
			token, err := app.Token(s.ctx)
			if err == nil {
				token.Expiry = time.Now().Add(-time.Minute)
				callWith(s, oauth2.StaticTokenSource(token))
			}
		default:
			callWith(s, app.TokenSource(s.ctx))
		}
		s.pause(time.Duration(float64(pace) * s.log(0.5, 2)))
	}
}

func callWith(s *seat, source oauth2.TokenSource) {
	client := oauth2.NewClient(s.ctx, source)
	request, _ := http.NewRequestWithContext(s.ctx, "GET", s.url+s.path("orders", "")+"?limit=20", nil)
	drain(s, request, client.Do)
}

func drain(s *seat, request *http.Request, do func(*http.Request) (*http.Response, error)) *http.Response {
	response, err := do(request)
	if err != nil {
		s.count(0)
		return nil
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBodyBytes))
	s.count(response.StatusCode)
	return response
}

// runStorm is a service on go-retryablehttp that tries again with hardly a pause, and works off a queue that fills while the API is ill.
// Forms: `plain`, and `eager`, which retries what will never work.
func runStorm(s *seat) {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.RetryMax = s.number(4, 12)
	client.RetryWaitMin, client.RetryWaitMax = s.ms(10, 120), s.ms(150, 900)
	policy := client.CheckRetry
	if s.form == "eager" {
		client.CheckRetry = func(ctx context.Context, r *http.Response, err error) (bool, error) {
			if err == nil && r.StatusCode >= 400 {
				return ctx.Err() == nil, nil
			}
			return policy(ctx, r, err)
		}
	}
	wrong := 0.03
	if s.form == "eager" {
		wrong = 0.15
	}
	ids := linesOf("RANGE_IDS")[:500]
	workers, done := s.number(2, 8), make(chan struct{})
	for i := 0; i < workers; i++ {
		go func() {
			defer func() { done <- struct{}{} }()
			for n := s.logInt(4, 60); n > 0 && !s.isOver(); n-- {
				path := s.path("order", pick(s, ids...))
				if s.chance(wrong) {
					path = s.path("order", fmt.Sprint(s.number(9_000_000, 9_999_999)))
				}
				request, _ := retryablehttp.NewRequestWithContext(s.ctx, "GET", s.url+path, nil)
				request.Header.Set("X-Api-Key", s.key)
				drain(s, request.Request, func(*http.Request) (*http.Response, error) { return client.Do(request) })
				s.pause(s.ms(5, 600))
			}
		}()
	}
	for i := 0; i < workers; i++ {
		<-done
	}
}

// runStale refreshes what an old copy holds, many of whose ids are gone by now. Forms: `plain`, `parallel`.
func runStale(s *seat) {
	c := newCaller(s, "mirror-sync", "dwh-refresh", "cache-warmer")
	kind, list := pick(s, "order", "customer"), map[string]string{"order": "RANGE_IDS", "customer": "RANGE_CUSTOMER_IDS"}
	ids := window(s, linesOf(list[kind]), s.logInt(20, 350))
	gone, width := s.real(0.25, 0.65), 1
	if s.form == "parallel" {
		width = s.number(2, 6)
	}
	queue, done := make(chan string), make(chan struct{})
	gap := s.ms(5, 500)
	for i := 0; i < width; i++ {
		go func() {
			for id := range queue {
				c.get(s.path(kind, id))
				s.pause(time.Duration(float64(gap) * s.real(0.5, 1.5)))
			}
			done <- struct{}{}
		}()
	}
	for _, id := range ids {
		if s.isOver() {
			break
		}
		if s.chance(gone) {
			id = lost(s, id)
		}
		queue <- id
	}
	close(queue)
	for i := 0; i < width; i++ {
		<-done
	}
}

// lost is an id as the one given, of a thing that is no more.
func lost(s *seat, id string) string {
	if len(id) > 20 {
		return s.hex(8) + id[8:]
	}
	return fmt.Sprintf("%d", s.number(2_000_000, 2_900_000))
}

// runTill is the till of a branch: a sale every few seconds, paid by card or in cash; at midday more. Forms: `plain`, `queue`, which sends
// at once what it could not send while it was offline.
func runTill(s *seat) {
	c := newCaller(s, "till", "pos-terminal", "kasse")
	products := idsOf(c.get(s.path("products", "") + "?limit=100"))
	gap, sales := s.ms(400, 5000), s.logInt(10, 120)
	for n := 0; n < sales && len(products) > 0 && !s.isOver(); n++ {
		sell(s, c, products)
		if s.form != "queue" || n%s.number(5, 20) == 0 {
			s.pause(time.Duration(float64(gap) * s.log(0.3, 3)))
		}
	}
}

func sell(s *seat, c *caller, products []string) {
	var items []any
	for n := s.number(1, 6); n > 0; n-- {
		items = append(items, map[string]any{"productId": pick(s, products...), "qty": s.number(1, 3)})
	}
	if s.chance(0.2) {
		c.get(s.path("product", pick(s, products...)))
	}
	if s.chance(0.75) {
		sum := map[string]any{"card": "4242424242424242", "expiry": "11/29", "cvc": "123", "amount": s.number(3, 180)}
		if paid := c.post(s.path("payments", ""), sum); paid.status == http.StatusPaymentRequired {
			// The card is put in once more.
			s.pause(s.ms(2000, 5000))
			c.post(s.path("payments", ""), sum)
		}
	}
	c.post(s.path("orders", ""), map[string]any{"items": items, "note": "till " + s.hex(4)})
}
