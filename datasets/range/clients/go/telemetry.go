package main

import (
	"net/http"
	"time"
)

// runTelemetry is a device that sends measured values at a fixed interval. Forms: `steady`; `gateway`, which forwards for several
// devices; `offline`, which has no network now and then and afterwards sends what it kept.
func runTelemetry(s *seat) {
	c := newCaller(s, "sensor-fw", "meterd", "EdgeAgent", "fridge-monitor", "trackbox")
	c.sign = func(r *http.Request) { r.Header.Set("X-Api-Key", s.key) }
	c.tries = s.number(1, 4)
	if transport, isPlain := c.http.Transport.(*http.Transport); isPlain && s.chance(0.3) {
		// Small devices close after each call, to sleep.
		transport.DisableKeepAlives = true
	}
	d := &device{s: s, c: c, interval: s.ms(250, 6000), jitter: pick(s, 0.0, 0.02, 0.1, 0.25)}
	devices := 1
	if s.form == "gateway" {
		devices = s.number(2, 8)
	}
	for i := 0; i < devices; i++ {
		d.names = append(d.names, pick(s, "dev", "sensor", "m")+"-"+s.hex(8))
	}
	d.run(s.logInt(15, 500))
}

type device struct {
	s        *seat
	c        *caller
	names    []string
	interval time.Duration
	jitter   float64
	product  string
	etag     string
	sequence int
}

func (d *device) run(left int) {
	d.fetchConfig()
	for left > 0 && !d.s.isOver() {
		kept := 1
		if d.s.form == "offline" && d.s.chance(0.08) {
			kept = d.s.number(3, 25)
			d.s.pause(time.Duration(kept) * d.interval / 4)
		}
		for ; kept > 0 && left > 0; kept-- {
			left--
			d.send()
		}
		if d.s.chance(0.04) {
			d.fetchConfig()
		}
		d.s.pause(time.Duration(float64(d.interval) * d.s.real(1-d.jitter, 1+d.jitter)))
	}
}

func (d *device) send() {
	for _, name := range d.names {
		d.sequence++
		value := map[string]any{
			"seq": d.sequence, "at": time.Now().UTC().Format(time.RFC3339), "temperature": 15 + d.s.real(0, 10), "battery": d.s.number(20, 100),
		}
		d.c.post(d.s.path("telemetry", name), value)
	}
}

// fetchConfig asks for the catalogue entry of its own model, as firmware does, and says which it has.
func (d *device) fetchConfig() {
	if d.product == "" {
		if ids := idsOf(d.c.get(d.s.path("products", "") + "?limit=5")); len(ids) > 0 {
			d.product = pick(d.s, ids...)
		}
	}
	if d.product == "" {
		return
	}
	headers := map[string]string{}
	if d.etag != "" {
		headers["If-None-Match"] = d.etag
	}
	if got := d.c.insist("GET", d.s.path("product", d.product), nil, headers); got.etag != "" {
		d.etag = got.etag
	}
}
