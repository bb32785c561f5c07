package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gocolly/colly/v2"
	"github.com/gocolly/colly/v2/extensions"
)

// runColly copies the site or the catalogue with Colly, whatever robots.txt says (its default). Forms: `agents` changes its name at each
// call, `browser`, `slow` and `parallel`.
func runColly(s *seat) {
	a, err := newAttacker(s, 80, 900)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	c := colly.NewCollector(colly.Async(a.forms["parallel"]), colly.MaxDepth(s.number(3, 12)))
	rule := &colly.LimitRule{DomainGlob: "*", Parallelism: s.number(2, 12), Delay: s.ms(1, 300)}
	if a.forms["slow"] {
		rule = &colly.LimitRule{DomainGlob: "*", Parallelism: 1, Delay: s.ms(400, 1500), RandomDelay: time.Second}
	}
	_ = c.Limit(rule)
	c.SetRequestTimeout(15 * time.Second)
	if a.forms["agents"] {
		extensions.RandomUserAgent(c)
	} else if a.forms["browser"] {
		c.UserAgent = a.rest.Header.Get("User-Agent")
		extensions.Referer(c)
	}
	c.OnRequest(func(r *colly.Request) {
		if atomic.AddInt64(&a.left, -1) < 0 || s.isOver() || !rangeHost.MatchString(r.URL.Hostname()) {
			r.Abort()
		}
	})
	c.OnResponse(func(r *colly.Response) { s.count(r.StatusCode) })
	c.OnError(func(r *colly.Response, _ error) { s.count(r.StatusCode) })
	c.OnHTML("a[href], link[href], img[src], script[src]", func(e *colly.HTMLElement) {
		_ = e.Request.Visit(e.Attr("href") + e.Attr("src"))
	})
	if s.chance(0.5) {
		copyCatalogue(s, c)
	} else {
		_ = c.Visit(s.url + "/")
	}
	c.Wait()
}

// copyCatalogue goes through the list by its `next` and opens each thing.
func copyCatalogue(s *seat, c *colly.Collector) {
	c.OnResponse(func(r *colly.Response) {
		page := answer{body: decode(r.Body)}
		for _, id := range idsOf(page) {
			_ = r.Request.Visit(s.path("product", id))
		}
		if next := text(page.body, "next"); strings.HasPrefix(next, "/") {
			_ = r.Request.Visit(next)
		}
	})
	c.MaxDepth = 0
	_ = c.Visit(s.url + s.path("products", "") + "?limit=50")
}
