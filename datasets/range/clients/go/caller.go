package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxBodyBytes = 4 << 20

// caller is one client of the API: its transport, its name, its credential and how it tries again.
type caller struct {
	s      *seat
	http   *http.Client
	agent  string
	accept string
	// sign puts the credential on a request; nil is without one.
	sign func(*http.Request)
	// tries is how often a call is made at most; 1 is without a retry.
	tries int
	base  time.Duration
	// heeds says whether Retry-After is obeyed, rather than only its own back-off.
	heeds bool
}

type answer struct {
	status int
	etag   string
	body   map[string]any
}

func (a answer) isFine() bool { return a.status >= 200 && a.status < 300 }

// newCaller makes a client with the key; one in three speaks HTTP/1.1 only, as clients with a transport of their own do.
func newCaller(s *seat, names ...string) *caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = pick(s, 2, 2, 10, 100)
	if s.chance(0.33) {
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		transport.TLSClientConfig = &tls.Config{NextProtos: []string{"http/1.1"}}
	}
	c := &caller{
		s:     s,
		http:  &http.Client{Transport: transport, Timeout: pick(s, 5*time.Second, 10*time.Second, 30*time.Second)},
		tries: 5,
		base:  s.ms(100, 800),
		heeds: s.chance(0.7),
	}
	if s.chance(0.5) {
		c.agent = pick(s, names...) + "/" + strconv.Itoa(s.number(0, 4)) + "." + strconv.Itoa(s.number(0, 30)) + "." + strconv.Itoa(s.number(0, 9))
	}
	if s.chance(0.6) {
		c.accept = "application/json"
	}
	isBearer := s.chance(0.5)
	c.sign = func(r *http.Request) {
		if isBearer {
			r.Header.Set("Authorization", "Bearer "+s.key)
		} else {
			r.Header.Set("X-Api-Key", s.key)
		}
	}
	return c
}

func (c *caller) get(path string) answer { return c.insist("GET", path, nil, nil) }

func (c *caller) post(path string, body any) answer { return c.insist("POST", path, body, nil) }

// insist makes a call and, on 429, 5xx or no answer, makes it again with growing pauses.
func (c *caller) insist(method, path string, body any, headers map[string]string) answer {
	var got answer
	for n := 0; n < c.tries; n++ {
		var after time.Duration
		got, after = c.once(method, path, body, headers)
		isFinal := got.status != 0 && got.status != http.StatusTooManyRequests && got.status < 500
		if isFinal || n == c.tries-1 {
			return got
		}
		wait := time.Duration(float64(c.base) * float64(int(1)<<n) * c.s.real(0.7, 1.3))
		if c.heeds && after > wait {
			wait = after + time.Duration(c.s.real(0, 200))*time.Millisecond
		}
		if !c.s.pause(wait) {
			return got
		}
	}
	return got
}

// once makes one call; status 0 if no answer came. The duration is what Retry-After said.
func (c *caller) once(method, path string, body any, headers map[string]string) (answer, time.Duration) {
	request, err := c.request(c.s.ctx, method, path, body)
	if err != nil {
		return answer{}, 0
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return c.do(request)
}

func (c *caller) do(request *http.Request) (answer, time.Duration) {
	response, err := c.http.Do(request)
	if err != nil {
		if !c.s.isOver() {
			c.s.count(0)
		}
		return answer{}, 0
	}
	defer response.Body.Close()
	c.s.count(response.StatusCode)
	got := answer{status: response.StatusCode, etag: response.Header.Get("ETag"), body: map[string]any{}}
	whole, _ := io.ReadAll(io.LimitReader(response.Body, maxBodyBytes))
	got.body = decode(whole)
	// A connection goes back to the pool only when its body was read to the end.
	_, _ = io.Copy(io.Discard, response.Body)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	return got, time.Duration(seconds) * time.Second
}

// decode keeps numbers as they are written; what is no object is an empty one.
func decode(text []byte) map[string]any {
	object := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil || object == nil {
		return map[string]any{}
	}
	return object
}

// request takes a body as url.Values (form), []byte (octets) or anything that becomes JSON.
func (c *caller) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	reader, kind := encode(body)
	request, err := http.NewRequestWithContext(ctx, method, c.s.url+path, reader)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if c.agent != "" {
		request.Header.Set("User-Agent", c.agent)
	}
	if c.accept != "" {
		request.Header.Set("Accept", c.accept)
	}
	if c.sign != nil {
		c.sign(request)
	}
	return request, nil
}

func encode(body any) (io.Reader, string) {
	switch b := body.(type) {
	case nil:
		return nil, ""
	case url.Values:
		return strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case []byte:
		return bytes.NewReader(b), "application/octet-stream"
	default:
		text, _ := json.Marshal(b)
		return bytes.NewReader(text), "application/json"
	}
}

// text reads a member whether the API sends it as a string or as a number.
func text(object map[string]any, name string) string {
	switch value := object[name].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}

// idsOf reads the ids of a list answer, in its order.
func idsOf(page answer) []string {
	items, _ := page.body["items"].([]any)
	ids := make([]string, 0, len(items))
	for _, item := range items {
		if object, isObject := item.(map[string]any); isObject {
			ids = append(ids, text(object, "id"))
		}
	}
	return ids
}
