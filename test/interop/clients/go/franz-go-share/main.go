// A member of a share group with franz-go, behind the arguments that share-story.ts describes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func say(word string, record *kgo.Record) {
	fmt.Printf("%s\t%d\t%d\t%d\t%s\n", word, record.Partition, record.Offset, record.DeliveryCount(), record.Value)
}

func main() {
	bootstrap, topic, group := os.Args[1], os.Args[2], os.Args[3]
	background, end := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	failed := map[int32]bool{}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...),
		kgo.ConsumeTopics(topic),
		kgo.ShareGroup(group),
		kgo.ShareMaxRecords(20),
		kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
			for _, result := range results {
				if result.Err != nil {
					failed[result.Partition] = true
				}
			}
		}),
	)
	if err != nil {
		panic(err)
	}
	for background.Err() == nil {
		polling, cancel := context.WithTimeout(background, 200*time.Millisecond)
		fetches := client.PollRecords(polling, 20)
		cancel()
		var accepted []*kgo.Record
		clear(failed)
		fetches.EachRecord(func(record *kgo.Record) {
			say("got", record)
			if bytes.HasPrefix(record.Value, []byte("poison")) {
				record.Ack(kgo.AckRelease)
				return
			}
			record.Ack(kgo.AckAccept)
			accepted = append(accepted, record)
		})
		if len(accepted) == 0 && fetches.NumRecords() == 0 {
			continue
		}
		flushing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := client.FlushAcks(flushing)
		cancel()
		for _, record := range accepted {
			if err == nil && !failed[record.Partition] {
				say("accepted", record)
			}
		}
	}
	client.Close()
}
