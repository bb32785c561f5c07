package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// seat is what the range hands a client, with the dice that all of its choices come from.
type seat struct {
	url, form, email, password, key, clientID, clientSecret string
	api                                                     map[string]string
	// ctx ends when RANGE_SECONDS have passed.
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	random   *rand.Rand
	statuses map[int]int
}

func newSeat() (*seat, error) {
	s := &seat{
		url:          strings.TrimRight(os.Getenv("RANGE_URL"), "/"),
		form:         os.Getenv("RANGE_FORM"),
		email:        os.Getenv("RANGE_EMAIL"),
		password:     os.Getenv("RANGE_PASSWORD"),
		key:          os.Getenv("RANGE_API_KEY"),
		clientID:     os.Getenv("RANGE_CLIENT_ID"),
		clientSecret: os.Getenv("RANGE_CLIENT_SECRET"),
		statuses:     map[int]int{},
	}
	if err := json.Unmarshal([]byte(os.Getenv("RANGE_API")), &s.api); err != nil {
		return nil, fmt.Errorf("RANGE_API: %w", err)
	}
	seed, err := strconv.ParseInt(os.Getenv("RANGE_SEED"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("RANGE_SEED: %w", err)
	}
	s.random = rand.New(rand.NewSource(seed))
	seconds, err := strconv.Atoi(os.Getenv("RANGE_SECONDS"))
	if err != nil {
		return nil, fmt.Errorf("RANGE_SECONDS: %w", err)
	}
	s.ctx, s.cancel = context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second-time.Second)
	return s, nil
}

// path fills the id into the path of a logical name, or puts it at its end.
func (s *seat) path(name, id string) string {
	path, isKnown := s.api[name]
	if !isKnown {
		path = "/" + name
	}
	if strings.Contains(path, "{}") {
		return strings.ReplaceAll(path, "{}", id)
	}
	if id == "" {
		return path
	}
	return path + "/" + id
}

func (s *seat) isOver() bool { return s.ctx.Err() != nil }

// pause sleeps; false if the time was over before.
func (s *seat) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *seat) real(low, high float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return low + s.random.Float64()*(high-low)
}

// log is spread evenly over orders of magnitude, as jobs' sizes and pauses are.
func (s *seat) log(low, high float64) float64 {
	return math.Exp(s.real(math.Log(low), math.Log(high)))
}

func (s *seat) logInt(low, high float64) int { return int(math.Round(s.log(low, high))) }

func (s *seat) number(low, high int) int { return low + int(s.real(0, float64(high-low+1))) }

func (s *seat) chance(p float64) bool { return s.real(0, 1) < p }

func (s *seat) ms(low, high float64) time.Duration {
	return time.Duration(s.log(low, high) * float64(time.Millisecond))
}

func pick[T any](s *seat, items ...T) T { return items[s.number(0, len(items)-1)] }

// hex gives n digits from the dice.
func (s *seat) hex(n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		b.WriteByte("0123456789abcdef"[s.number(0, 15)])
	}
	return b.String()
}

func (s *seat) count(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses[status]++
}

func (s *seat) tally() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	tally := map[int]int{}
	for status, n := range s.statuses {
		tally[status] = n
	}
	return tally
}
