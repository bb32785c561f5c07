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
}

func main() {
	if len(os.Args) < 2 || clients[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: range-go service|export|telemetry|webhooks|load|cron|poll")
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
