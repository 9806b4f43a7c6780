// franz-go behind the arguments that program-client.ts describes.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"odradek.interop/clients/lines"
)

type client struct{ bootstrap []string }

func main() {
	lines.Run(func(bootstrap []string) lines.Client { return client{bootstrap} })
}

func (c client) connect(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(c.bootstrap...))...)
}

func (c client) Create(topic string, partitions int) error {
	connected, err := c.connect()
	if err != nil {
		return err
	}
	defer connected.Close()
	_, err = kadm.NewClient(connected).CreateTopic(context.Background(), int32(partitions), -1, nil, topic)
	return err
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func (c client) Produce(topic, codec string, records []lines.Record) error {
	// Lingering makes batches that are worth compressing.
	connected, err := c.connect(kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(50e6))
	if err != nil {
		return err
	}
	defer connected.Close()
	sent := make([]*kgo.Record, 0, len(records))
	for _, record := range records {
		sent = append(sent, &kgo.Record{Topic: topic, Key: record.Key, Value: record.Value})
	}
	return connected.ProduceSync(context.Background(), sent...).FirstErr()
}

func (c client) Read(topic string, count int) error {
	connected, err := c.connect(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer connected.Close()
	for count > 0 {
		read, err := poll(context.Background(), connected)
		if err != nil {
			return err
		}
		count -= read
	}
	return nil
}

func (c client) Join(topic, group string, leave <-chan struct{}) error {
	options := []kgo.Opt{
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if session := lines.SessionTimeout(); session > 0 {
		options = append(options, kgo.SessionTimeout(session), kgo.HeartbeatInterval(lines.Heartbeat),
			kgo.AutoCommitInterval(lines.Heartbeat))
	}
	if os.Getenv("GROUP_PROTOCOL") == "consumer" {
		balancer := kgo.GroupBalancer(kgo.StickyBalancer())
		if os.Getenv("ASSIGNOR") == "range" {
			balancer = kgo.RangeBalancer()
		}
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(balancer))
	}
	connected, err := c.connect(options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-leave
		cancel()
	}()
	for ctx.Err() == nil {
		if _, err := poll(ctx, connected); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	if err := connected.CommitUncommittedOffsets(context.Background()); err != nil {
		return err
	}
	connected.Close()
	return nil
}

func poll(ctx context.Context, connected *kgo.Client) (int, error) {
	fetches := connected.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return 0, err
	}
	fetches.EachRecord(func(r *kgo.Record) { lines.Show(int64(r.Partition), r.Offset, r.Key, r.Value) })
	return fetches.NumRecords(), nil
}
