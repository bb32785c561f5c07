package main

import (
	"time"
)

// runPoll starts builds and asks until each is done, with growing pauses, then stores and fetches what came of it. Form `eager` asks at
// a short fixed interval; `fleet` has several builds under way.
func runPoll(s *seat) {
	c := newCaller(s, "buildctl", "ci-runner", "jobwatch", "render-cli")
	builds, atOnce := s.logInt(1, 10), 1
	if s.form == "fleet" {
		atOnce = s.number(2, 5)
	}
	first, growth := s.ms(250, 1500), s.real(1.2, 2)
	if s.form == "eager" {
		growth = 1
	}
	for ; builds > 0 && !s.isOver(); builds-- {
		var ids []string
		for i := 0; i < atOnce; i++ {
			if id := text(c.post(s.path("builds", ""), map[string]any{"ref": s.hex(12)}).body, "id"); id != "" {
				ids = append(ids, id)
			}
		}
		await(s, c, ids, first, growth)
		storeArtifacts(s, c)
		s.pause(s.ms(500, 8000))
	}
}

func await(s *seat, c *caller, ids []string, pause time.Duration, growth float64) {
	longest := 8 * time.Second
	for asks := 0; asks < 200 && len(ids) > 0 && s.pause(pause); asks++ {
		var open []string
		for _, id := range ids {
			got := c.get(s.path("builds", id))
			if status := text(got.body, "status"); got.isFine() && status != "done" && status != "failed" {
				open = append(open, id)
			}
		}
		ids = open
		if pause = time.Duration(float64(pause) * growth); pause > longest {
			pause = longest
		}
	}
}

func storeArtifacts(s *seat, c *caller) {
	var names []string
	for i := s.number(1, 5); i > 0; i-- {
		name := pick(s, "app", "report", "cover", "bundle") + "-" + s.hex(8) + pick(s, ".zip", ".tar.gz", ".xml")
		if c.insist("PUT", s.path("artifacts", name), []byte(s.hex(s.logInt(500, 40_000))), nil).isFine() {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if s.chance(0.6) {
			c.get(s.path("artifacts", name))
		}
	}
}
