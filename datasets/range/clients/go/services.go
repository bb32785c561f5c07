package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-resty/resty/v2"
)

// newPartner is a good client over resty, with its own retries that heed Retry-After.
func newPartner(s *seat) *resty.Client {
	c := resty.New().SetBaseURL(s.url).SetTimeout(15*time.Second).SetHeader("X-Api-Key", s.key)
	c.SetRetryCount(3).SetRetryWaitTime(300 * time.Millisecond).SetRetryMaxWaitTime(4 * time.Second)
	c.AddRetryCondition(func(r *resty.Response, err error) bool {
		return err == nil && (r.StatusCode() == http.StatusTooManyRequests || r.StatusCode() >= 500)
	})
	c.OnAfterResponse(func(_ *resty.Client, r *resty.Response) error {
		s.count(r.StatusCode())
		return nil
	})
	if s.chance(0.5) {
		c.SetHeader("User-Agent", pick(s, "inventory-sync/2.2", "partner-gateway", "go-resty/2.17.2"))
	}
	return c
}

func body(c *resty.Client, s *seat, path string) answer {
	response, err := c.R().SetContext(s.ctx).Get(path)
	if err != nil {
		return answer{body: map[string]any{}}
	}
	return answer{status: response.StatusCode(), body: decode(response.Body())}
}

// runRestySync brings what changed, page by page, and some of it record by record.
func runRestySync(s *seat) {
	c := newPartner(s)
	kind, gap := pick(s, "order", "order", "customer"), s.ms(10, 700)
	for n := s.logInt(30, 400); n > 0 && !s.isOver(); {
		path := fmt.Sprintf("%s?limit=%d&updated_since=2026-01-%02dT00:00:00Z", s.path(kind+"s", ""), pick(s, 20, 50, 100), s.number(10, 28))
		for path != "" && n > 0 && !s.isOver() {
			page := body(c, s, path)
			for _, id := range window(s, idsOf(page), s.number(1, 20)) {
				body(c, s, s.path(kind, id))
				n--
				s.pause(gap)
			}
			path = text(page.body, "next")
			n--
		}
		s.pause(s.ms(1500, 12000))
	}
}

// runVerification confirms phones: one code to each, typed in rightly by most.
func runVerification(s *seat) {
	c := newPartner(s)
	for n := s.logInt(15, 150); n > 0 && !s.isOver(); n-- {
		phone := "+4475" + strconv.Itoa(s.number(10_000_000, 99_999_999))
		_, _ = c.R().SetContext(s.ctx).SetBody(map[string]string{"phone": phone}).Post(s.path("otpSend", ""))
		s.pause(s.ms(100, 4000))
		if s.chance(0.15) {
			continue
		}
		code := rightCode(phone)
		if s.chance(0.12) {
			code = strconv.Itoa(s.number(100_000, 999_999))
		}
		_, _ = c.R().SetContext(s.ctx).SetBody(map[string]string{"phone": phone, "code": code}).Post(s.path("otpVerify", ""))
	}
}

// rightCode is what the API "sent": it follows from the phone, so that an honest user can be played.
func rightCode(phone string) string {
	sum := sha256.Sum256([]byte("otp|" + phone))
	number, _ := strconv.ParseUint(hex.EncodeToString(sum[:4]), 16, 64)
	return fmt.Sprintf("%06d", number%1_000_000)
}

// stayLow is somebody who looks around with an account, and among that asks for what is not theirs, again and again.
func stayLow(a *attacker) {
	a.width = 1
	a.enter(true)
	ids := window(a.s, linesOf("RANGE_IDS"), 300)
	leaked := shuffled(a.s, linesOf("RANGE_LEAKED"))
	aim := pick(a.s, "orders", "orders", "customers", "giftcards", "logins")
	for n := 0; !a.isDone(); n++ {
		for looks := a.s.number(1, 4); looks > 0 && !a.isDone(); looks-- {
			path := pick(a.s, a.s.path("products", "")+"?limit=20", a.s.path("me", ""), a.s.path("orders", "")+"?limit=10", "/help")
			a.mend(a.call("GET", path, nil, "-").status)
			a.s.pause(a.s.ms(700, 5000))
		}
		a.reach(aim, ids[n%len(ids)], leaked[n%len(leaked)])
		a.s.pause(a.s.ms(700, 5000))
	}
}

func (a *attacker) reach(aim, id, pair string) {
	switch aim {
	case "orders":
		a.call("GET", a.s.path("order", id), nil, "-")
	case "customers":
		a.call("GET", a.s.path("customer", id), nil, "-")
	case "giftcards":
		a.call("GET", a.s.path("giftcard", "G"+a.s.hex(9)), nil, "-")
	default:
		email, password := splitPair(pair)
		a.login(email, password)
	}
}
