// Command range-go holds the range's clients on Go's net/http; the first argument names one. Each ends by itself within RANGE_SECONDS.
package main

import (
	"fmt"
	"os"
)

var clients = map[string]func(*seat){
	"service":   runService,
	"export":    runExport,
	"telemetry": runTelemetry,
	"webhooks":  runWebhooks,
	"load":      runLoad,
	"cron":      runCron,
	"poll":      runPoll,

	"oauth-loop":   runOauthLoop,
	"storm":        runStorm,
	"stale":        runStale,
	"till":         runTill,
	"resty-sync":   runRestySync,
	"billing":      runBilling,
	"verification": runVerification,

	"colly":            runColly,
	"enumeration":      attack(40, 900, enumerate),
	"cashing-out":      attack(25, 220, cashOut),
	"tokens":           attack(40, 700, guessTokens),
	"graphql":          attack(20, 350, pumpGraphql),
	"inventory":        attack(30, 350, holdStock),
	"card-testing":     attack(25, 300, testCards),
	"otp":              attack(30, 400, guessCodes),
	"low-and-slow":     attack(20, 60, stayLow),
	"spam":             attack(25, 300, postSpam),
	"sms-pumping":      attack(25, 400, pumpSMS),
	"hijacked-session": attack(120, 700, hijack),
}

func main() {
	if len(os.Args) < 2 || clients[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: range-go CLIENT")
		os.Exit(2)
	}
	s, err := newSeat()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer s.cancel()
	clients[os.Args[1]](s)
	fmt.Printf("%s form %s: %v\n", os.Args[1], s.form, s.tally())
}
