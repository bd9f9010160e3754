// A real OTLP receiver: the OpenTelemetry Collector's own, with a file behind it in place of a pipeline.
//
// Arguments: the address to listen on, and the file that each accepted request is appended to as one
// line of OTLP/JSON, synced before the request is answered. Prints "ready" when it listens; ends when
// standard input does.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: %s ADDRESS FILE", os.Args[0]))
	}
	file, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	fail(err)
	var turn sync.Mutex
	keep, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		line, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		if err != nil {
			return err
		}
		turn.Lock()
		defer turn.Unlock()
		if _, err := file.Write(append(line, '\n')); err != nil {
			return err
		}
		return file.Sync()
	})
	fail(err)

	factory := otlpreceiver.NewFactory()
	settings := factory.CreateDefaultConfig()
	http := map[string]any{"endpoint": os.Args[1]}
	written := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": http}})
	fail(written.Unmarshal(settings))
	ctx := context.Background()
	running, err := factory.CreateLogs(ctx, receivertest.NewNopSettings(factory.Type()), settings, keep)
	fail(err)
	fail(running.Start(ctx, componenttest.NewNopHost()))
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	fail(running.Shutdown(ctx))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
