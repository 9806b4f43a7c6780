// A leader is killed and nothing acknowledged is lost: with franz-go, and the control API of a running cluster.
package failover

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func control(t *testing.T, method, path string, body any, answer any) {
	t.Helper()
	base := os.Getenv("ODRADEK_CONTROL")
	if base == "" {
		base = "http://127.0.0.1:9644"
	}
	text, _ := json.Marshal(body)
	request, _ := http.NewRequest(method, base+path, bytes.NewReader(text))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, path, response.Status)
	}
	if answer != nil {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAKilledLeaderCostsNothingThatWasAcknowledged(t *testing.T) {
	none := struct{}{}
	control(t, "POST", "/reset", none, nil)
	var cluster struct{ BootstrapServers string }
	control(t, "GET", "/", none, &cluster)

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(cluster.BootstrapServers, ",")...),
		kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics("payments"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	send := func(value string) {
		record := &kgo.Record{Topic: "payments", Value: []byte(value)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}

	send("before")
	control(t, "POST", "/wait", map[string]any{"for": "in-sync", "topic": "payments"}, nil)
	var topic struct{ Partitions []struct{ Leader int } }
	control(t, "GET", "/topics/payments", none, &topic)
	leader := topic.Partitions[0].Leader
	control(t, "POST", fmt.Sprintf("/nodes/%d/kill", leader), none, nil)
	// With one copy, as topics have that are made when they are first used, the node has to come back.
	control(t, "POST", fmt.Sprintf("/nodes/%d/restart", leader), none, nil)
	send("after")

	var seen []string
	for len(seen) < 2 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(record *kgo.Record) { seen = append(seen, string(record.Value)) })
	}
	if fmt.Sprint(seen) != "[before after]" {
		t.Fatalf("read %v", seen)
	}
}
