package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"
)

// runWebhooks delivers events of another company to our hook, and tries again with growing pauses. Forms: `steady`; `burst`, many
// events at once; `gone`, to a hook that is no more.
func runWebhooks(s *seat) {
	c := newCaller(s, "Paylane-Hooks", "EventRelay", "ShipCo-Webhook", "hookd", "CallbackBot")
	c.tries = 1
	w := &sender{s: s, c: c, hook: s.path("hooks", pick(s, "payments", "shipping", "crm", "stock")), base: s.ms(200, 1500), secret: []byte(s.hex(32))}
	if s.form == "gone" {
		w.hook = s.path("hooks", "") + "old/" + s.hex(6)
	}
	// Senders of hooks sign the body; only some have a key as well.
	if s.chance(0.7) {
		w.c.sign = nil
	}
	w.deliverAll(s.logInt(12, 300), s.ms(250, 5000))
}

type sender struct {
	s      *seat
	c      *caller
	hook   string
	base   time.Duration
	secret []byte
}

func (w *sender) deliverAll(left int, gap time.Duration) {
	var group sync.WaitGroup
	// At most so many deliveries, waiting retries included, are under way.
	slots := make(chan struct{}, 16)
	for left > 0 && !w.s.isOver() {
		batch := 1
		if w.s.form == "burst" || w.s.chance(0.05) {
			batch = w.s.logInt(2, 40)
		}
		for ; batch > 0 && left > 0; batch-- {
			left--
			slots <- struct{}{}
			group.Add(1)
			go func() {
				defer group.Done()
				w.deliver()
				<-slots
			}()
		}
		w.s.pause(time.Duration(float64(gap) * w.s.log(0.2, 4)))
	}
	group.Wait()
}

func (w *sender) deliver() {
	id := "evt_" + w.s.hex(24)
	body, _ := json.Marshal(map[string]any{"id": id, "type": pick(w.s, "payment.succeeded", "shipment.sent", "contact.updated"), "data": w.s.hex(w.s.logInt(60, 2000))})
	mac := hmac.New(sha256.New, w.secret)
	mac.Write(body)
	signature := hex.EncodeToString(mac.Sum(nil))
	for n := 0; n < 6 && !w.s.isOver(); n++ {
		got, _ := w.c.once("POST", w.hook, json.RawMessage(body), map[string]string{"X-Event-Id": id, "X-Signature-256": "sha256=" + signature})
		if got.isFine() || got.status == 404 || got.status == 410 {
			return
		}
		if !w.s.pause(time.Duration(float64(w.base) * float64(int(1)<<n) * w.s.real(0.8, 1.2))) {
			return
		}
	}
}
