package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// runLoad is the owner's own load test, with a key: more and more virtual users on mixed routes. Forms: `ramp` rises in steps, `spike`
// starts all at once, `soak` holds a few users for longer.
func runLoad(s *seat) {
	c := newCaller(s, "loadtest", "perf-bench", "capacity-check", "stress")
	c.tries = 1
	l := &load{s: s, c: c, left: int64(s.logInt(300, 1500))}
	l.orders = idsOf(c.get(s.path("orders", "") + "?limit=100"))
	l.products = idsOf(c.get(s.path("products", "") + "?limit=100"))
	users, length := s.number(4, 24), time.Duration(s.number(10, 20))*time.Second
	if s.form == "soak" {
		users, length = s.number(2, 5), 40*time.Second
	}
	// Users think so long that all calls together last as long as the test; an answer takes about 10 ms.
	l.think = length*time.Duration(users)/time.Duration(l.left) - 10*time.Millisecond
	l.run(users, length)
}

type load struct {
	s                *seat
	c                *caller
	left             int64
	think            time.Duration
	orders, products []string
}

func (l *load) run(users int, length time.Duration) {
	var group sync.WaitGroup
	end := time.Now().Add(length)
	for i := 0; i < users && time.Now().Before(end); i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) && !l.s.isOver() && atomic.AddInt64(&l.left, -1) >= 0 {
				l.step()
				l.s.pause(time.Duration(float64(l.think) * l.s.real(0.5, 1.5)))
			}
		}()
		if l.s.form != "spike" {
			l.s.pause(length / time.Duration(users+1))
		}
	}
	group.Wait()
}

// step draws a route as often as the owner's users take it.
func (l *load) step() {
	dice := l.s.real(0, 1)
	switch {
	case dice < 0.25:
		l.c.get(l.s.path("orders", "") + "?limit=20")
	case dice < 0.5 && len(l.orders) > 0:
		l.c.get(l.s.path("order", pick(l.s, l.orders...)))
	case dice < 0.65:
		l.c.get(l.s.path("products", "") + "?limit=20")
	case dice < 0.85 && len(l.products) > 0:
		l.c.get(l.s.path("product", pick(l.s, l.products...)))
	case dice < 0.9:
		l.c.get(l.s.path("search", "") + "?q=" + pick(l.s, "lamp", "chair", "desk", "blue"))
	case dice < 0.95 && len(l.products) > 0:
		line := map[string]any{"productId": pick(l.s, l.products...), "qty": l.s.number(1, 3)}
		l.c.post(l.s.path("orders", ""), map[string]any{"items": []any{line}, "note": "load " + l.s.hex(6)})
	default:
		l.c.get(l.s.path("health", ""))
	}
}
