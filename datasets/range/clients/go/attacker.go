package main

import (
	"bufio"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
)

var rangeHost = regexp.MustCompile(`^([a-z0-9-]+\.range\.test|localhost)$`)

// attacker is one abusive client over resty: headers, pace and credential of its form, and workers that share them.
type attacker struct {
	s     *seat
	rest  *resty.Client
	forms map[string]bool
	left  int64
	width int
	gap   time.Duration
	token string
	mu    sync.Mutex
	urls  []string
}

// newAttacker refuses any address that is not of the range: these drivers are for its mock API only.
func newAttacker(s *seat, least, most float64) (*attacker, error) {
	place, err := url.Parse(s.url)
	if err != nil || !rangeHost.MatchString(place.Hostname()) {
		return nil, errors.New("not an address of the range: " + s.url)
	}
	a := &attacker{s: s, forms: map[string]bool{}, left: int64(s.logInt(least, most)), width: pick(s, 1, 1, 2, 5, 10), gap: s.ms(5, 400)}
	for _, form := range strings.Split(s.form, "+") {
		a.forms[form] = true
	}
	a.urls = strings.Fields(os.Getenv("RANGE_URLS"))
	a.rest = resty.New().SetBaseURL(s.url).SetTimeout(15 * time.Second)
	a.rest.SetRedirectPolicy(resty.NoRedirectPolicy())
	if a.forms["jitter"] || a.forms["pauses"] {
		a.width = 1
	}
	a.dress()
	return a, nil
}

func (a *attacker) dress() {
	s := a.s
	switch {
	case a.forms["browser"]:
		a.rest.SetHeaders(map[string]string{
			"User-Agent": pick(s, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 Safari/537.36",
				"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"),
			"Accept": "application/json, text/plain, */*", "Accept-Language": pick(s, "en-GB,en;q=0.8", "pt-BR,pt;q=0.9"), "Referer": s.url + "/"})
	case a.forms["mobile"]:
		name := pick(s, "okhttp/4.12.0", "Shop/9.1 CFNetwork/1490.0.4 Darwin/23.2.0", "Dart/3.3 (dart:io)")
		a.rest.SetHeaders(map[string]string{"User-Agent": name, "Accept": "application/json", "X-Device-Id": s.hex(16)})
	}
}

// enter takes the credential of the form; `account` is taken too where the attack needs one.
func (a *attacker) enter(needsAccount bool) {
	switch {
	case a.forms["key"]:
		a.token = a.s.key
	case a.forms["account"] || needsAccount:
		a.token = a.login(a.s.email, a.s.password)
	}
}

func (a *attacker) login(email, password string) string {
	got := a.call("POST", a.s.path("login", ""), map[string]string{"email": email, "password": password}, "")
	return text(got.body, "token")
}

// call is one request; `token` "-" stands for the attacker's own.
func (a *attacker) call(method, path string, body any, token string) answer {
	atomic.AddInt64(&a.left, -1)
	request := a.rest.R().SetContext(a.s.ctx)
	if token == "-" {
		a.mu.Lock()
		token = a.token
		a.mu.Unlock()
	}
	if token != "" {
		request.SetAuthToken(token)
	}
	if body != nil {
		request.SetBody(body)
	}
	var data map[string]any
	response, err := request.SetResult(&data).Execute(method, path)
	if err != nil && (response == nil || response.StatusCode() == 0) {
		if !a.s.isOver() {
			a.s.count(0)
		}
		return answer{body: map[string]any{}}
	}
	a.s.count(response.StatusCode())
	if data == nil {
		data = map[string]any{}
	}
	return answer{status: response.StatusCode(), body: data}
}

func (a *attacker) isDone() bool { return a.s.isOver() || atomic.LoadInt64(&a.left) <= 0 }

// each deals things to the workers; a harmless call follows each with form `decoy`.
func (a *attacker) each(next func(n int) (string, bool), run func(string)) {
	things := make(chan string)
	var group sync.WaitGroup
	for i := 0; i < a.width; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for thing := range things {
				run(thing)
				a.decoy()
				a.breathe()
			}
		}()
	}
	for n := 0; !a.isDone(); n++ {
		thing, isThere := next(n)
		if !isThere {
			break
		}
		things <- thing
	}
	close(things)
	group.Wait()
}

func (a *attacker) breathe() {
	switch {
	case a.forms["jitter"]:
		a.s.pause(a.s.ms(300, 3000))
	case a.forms["pauses"] && atomic.LoadInt64(&a.left)%23 == 0:
		a.s.pause(a.s.ms(4000, 13000))
	default:
		a.s.pause(time.Duration(float64(a.gap) * a.s.real(0.8, 1.2)))
	}
}

func (a *attacker) decoy() {
	if !a.forms["decoy"] {
		return
	}
	a.breathe()
	search := a.s.path("search", "") + "?q=" + pick(a.s, "lamp", "tent")
	a.call("GET", pick(a.s, "/", "/about", a.s.path("products", "")+"?limit=20", search), nil, "")
}

// mend waits after a 429 and signs in again after a 401.
func (a *attacker) mend(status int) {
	if status == http.StatusTooManyRequests {
		a.s.pause(a.s.ms(400, 3000))
	}
	if status == http.StatusUnauthorized && !a.forms["key"] {
		token := a.login(a.s.email, a.s.password)
		a.mu.Lock()
		a.token = token
		a.mu.Unlock()
	}
}

// linesOf reads one of the range's lists.
func linesOf(name string) []string {
	file, err := os.Open(os.Getenv(name))
	if err != nil {
		return nil
	}
	defer file.Close()
	var lines []string
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	return lines
}

// window is a stretch of a list from a random place on.
func window(s *seat, list []string, size int) []string {
	if len(list) <= size {
		return list
	}
	from := s.number(0, len(list)-size)
	return list[from : from+size]
}

func shuffled(s *seat, list []string) []string {
	out := append([]string(nil), list...)
	for i := len(out) - 1; i > 0; i-- {
		j := s.number(0, i)
		out[i], out[j] = out[j], out[i]
	}
	return out
}
