package main

import (
	"bufio"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// runExport reads orders by id in ascending order, with a key. Forms: `listed` lists first; `fromdb` has its ids from its own database
// and never lists; `parallel` is `fromdb` with several readers, each with a range of its own.
func runExport(s *seat) {
	c := newCaller(s, "order-export", "dwhload", "archiver", "ledger-pull", "auditor")
	c.tries = 10
	e := &exporter{s: s, c: c, gap: 0}
	if s.chance(0.5) {
		e.gap = s.ms(5, 250)
	}
	count := s.logInt(60, 1500)
	readers := 1
	if s.form == "parallel" {
		readers = s.number(2, 4)
	}
	e.readAll(e.wanted(count), readers)
}

type exporter struct {
	s   *seat
	c   *caller
	gap time.Duration
}

func (e *exporter) wanted(count int) []string {
	if e.s.form == "listed" {
		ids := e.listed(count)
		sortIDs(ids)
		return ids
	}
	known := knownIDs("RANGE_IDS", "RANGE_IDS_FILE")
	if len(known) == 0 {
		// Without a database of its own, only what a list shows can be asked for.
		known = e.listed(count)
	}
	from := 0
	if len(known) > count {
		from = e.s.number(0, len(known)-count)
	}
	ids := append([]string{}, known[from:smaller(len(known), from+count)]...)
	if e.s.chance(0.3) {
		// Its books are days old: some orders are gone by now.
		ids = e.withStale(ids)
	}
	return ids
}

func (e *exporter) withStale(ids []string) []string {
	share := e.s.real(0.01, 0.1)
	mixed := make([]string, 0, len(ids))
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && e.s.chance(share) {
			mixed = append(mixed, strconv.Itoa(n-1))
		}
		mixed = append(mixed, id)
	}
	return mixed
}

func (e *exporter) listed(count int) []string {
	var ids []string
	next := e.s.path("orders", "") + "?limit=100"
	for next != "" && len(ids) < count && !e.s.isOver() {
		page := e.c.get(next)
		if !page.isFine() {
			break
		}
		ids = append(ids, idsOf(page)...)
		next = text(page.body, "next")
	}
	return ids[:smaller(len(ids), count)]
}

func (e *exporter) readAll(ids []string, readers int) {
	share := (len(ids) + readers - 1) / readers
	var group sync.WaitGroup
	for from := 0; from < len(ids); from += share {
		group.Add(1)
		go func(part []string) {
			defer group.Done()
			for _, id := range part {
				if e.s.isOver() {
					return
				}
				e.c.get(e.s.path("order", id))
				e.s.pause(time.Duration(float64(e.gap) * e.s.real(0.7, 1.3)))
			}
		}(ids[from:smaller(len(ids), from+share)])
	}
	group.Wait()
}

// knownIDs reads the first file of ids that the environment names: what a partner's own database holds. Empty if there is none.
func knownIDs(names ...string) []string {
	for _, name := range names {
		if file, err := os.Open(os.Getenv(name)); err == nil {
			defer file.Close()
			return readLines(file)
		}
	}
	return nil
}

func readLines(file io.Reader) []string {
	var ids []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func smaller(a, b int) int {
	if a < b {
		return a
	}
	return b
}

// sortIDs orders numbers as numbers, other ids as text.
func sortIDs(ids []string) {
	sort.SliceStable(ids, func(i, j int) bool {
		a, errA := strconv.Atoi(ids[i])
		b, errB := strconv.Atoi(ids[j])
		if errA == nil && errB == nil {
			return a < b
		}
		return ids[i] < ids[j]
	})
}
