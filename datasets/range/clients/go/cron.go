package main

import (
	"strconv"
	"time"
)

// runCron starts on the full minute, as everybody's job does, and makes a short export with a key. Form `each-minute` does it again on
// the next ones; `items` also reads some of what the list shows.
func runCron(s *seat) {
	c := newCaller(s, "nightly", "report-job", "cronexport", "backup-agent")
	pages, resource, item := s.logInt(5, 40), "orders", "order"
	if s.chance(0.4) {
		resource, item = "customers", "customer"
	}
	runs := 1
	if s.form == "each-minute" {
		runs = 3
	}
	path := s.path(resource, "") + "?limit=" + strconv.Itoa(pick(s, 50, 100, 100))
	if s.chance(0.5) {
		path += "&updated_since=" + time.Now().UTC().AddDate(0, 0, -s.number(1, 30)).Format("2006-01-02") + "T00:00:00Z"
	}
	for i := 0; i < runs; i++ {
		// Cron starts its jobs within the first tenths of the minute's first second.
		wait := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)) + s.ms(5, 150)
		if !s.pause(wait) {
			return
		}
		exportOnce(s, c, path, item, pages)
	}
}

func exportOnce(s *seat, c *caller, path, item string, pages int) {
	for ; pages > 0 && path != ""; pages-- {
		page := c.get(path)
		if !page.isFine() {
			return
		}
		if s.form == "items" {
			for _, id := range idsOf(page) {
				if s.chance(0.15) {
					c.get(s.path(item, id))
				}
			}
		}
		path = text(page.body, "next")
	}
}
