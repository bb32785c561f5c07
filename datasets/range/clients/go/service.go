package main

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// service is one of the company's own services: for each piece of work that reaches it, it reads and writes a few orders and customers.
type service struct {
	s         *seat
	c         *caller
	mu        sync.Mutex
	token     string
	until     time.Time
	orders    []string
	customers []string
	etags     map[string]string
}

// runService: forms `key`, `oauth` (client credentials, renewed in time) and `bursty` (work comes in waves from a queue).
func runService(s *seat) {
	v := &service{s: s, c: newCaller(s, "billing-svc", "fulfilment", "notify-worker", "orders-gateway", "pricing"), etags: map[string]string{}}
	v.c.tries = s.number(3, 6)
	if s.form == "oauth" {
		v.c.sign = v.signWithToken
	}
	for n := 0; n < 5 && (len(v.orders) == 0 || len(v.customers) == 0); n++ {
		v.learn()
	}
	workers := s.number(1, 6)
	perSecond := s.log(0.5, 10)
	work := make(chan struct{}, 64)
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go v.serve(work, &group)
	}
	v.feed(work, perSecond, s.logInt(15, 700))
	close(work)
	group.Wait()
}

// learn takes the ids that messages name later: from the database it shares with the API, else from a list.
func (v *service) learn() {
	if v.orders = knownIDs("RANGE_IDS", "RANGE_IDS_FILE"); len(v.orders) == 0 {
		v.orders = idsOf(v.c.get(v.s.path("orders", "") + "?limit=100"))
	}
	if v.customers = knownIDs("RANGE_CUSTOMER_IDS", "RANGE_CUSTOMER_IDS_FILE"); len(v.customers) == 0 {
		v.customers = idsOf(v.c.get(v.s.path("customers", "") + "?limit=100"))
	}
}

func (v *service) feed(work chan<- struct{}, perSecond float64, left int) {
	for left > 0 && !v.s.isOver() {
		batch := 1
		if v.s.form == "bursty" {
			batch = v.s.logInt(1, 40)
		}
		for ; batch > 0 && left > 0; batch-- {
			left--
			select {
			case work <- struct{}{}:
			case <-v.s.ctx.Done():
				return
			}
		}
		gap := v.s.log(0.2, 3) / perSecond
		if v.s.form == "bursty" {
			gap *= 8
		}
		v.s.pause(time.Duration(gap * float64(time.Second)))
	}
}

func (v *service) serve(work <-chan struct{}, group *sync.WaitGroup) {
	defer group.Done()
	for range work {
		if !v.s.isOver() {
			v.handle()
		}
	}
}

func (v *service) handle() {
	if len(v.orders) == 0 || len(v.customers) == 0 {
		return
	}
	order := v.c.get(v.s.path("order", pick(v.s, v.orders...)))
	if v.s.chance(0.6) {
		customer := text(order.body, "customer")
		if customer == "" {
			customer = text(order.body, "customerId")
		}
		if customer == "" {
			customer = pick(v.s, v.customers...)
		}
		v.readCustomer(customer)
	}
	if v.s.chance(0.2) {
		v.c.insist("PATCH", v.s.path("order", text(order.body, "id")), map[string]any{"status": pick(v.s, "paid", "packed", "sent")}, nil)
	}
}

// readCustomer asks whether its copy is still good.
func (v *service) readCustomer(id string) {
	v.mu.Lock()
	etag := v.etags[id]
	v.mu.Unlock()
	headers := map[string]string{}
	if etag != "" {
		headers["If-None-Match"] = etag
	}
	got := v.c.insist("GET", v.s.path("customer", id), nil, headers)
	v.mu.Lock()
	defer v.mu.Unlock()
	if got.etag != "" && len(v.etags) < 5000 {
		v.etags[id] = got.etag
	}
}

func (v *service) signWithToken(r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Now().After(v.until) {
		v.renew()
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
}

func (v *service) renew() {
	plain := *v.c
	plain.sign = nil
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {v.s.clientID}, "client_secret": {v.s.clientSecret}}
	got := plain.insist("POST", v.s.path("token", ""), form, nil)
	v.token = text(got.body, "access_token")
	// Renewed some seconds early, so that no call meets its end.
	v.until = time.Now().Add(30 * time.Second)
	if v.token == "" {
		v.until = time.Now().Add(time.Second)
	}
}
