// segmentio/kafka-go behind the arguments that program-client.ts describes.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"odradek.interop/clients/lines"
)

type client struct{ bootstrap []string }

func main() {
	lines.Run(func(bootstrap []string) lines.Client { return client{bootstrap} })
}

func (c client) address() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(c.bootstrap...)}
}

func (c client) Create(topic string, partitions int) error {
	answer, err := c.address().CreateTopics(context.Background(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: -1}},
	})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

var codecs = map[string]kafka.Compression{
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

func (c client) Produce(topic, codec string, records []lines.Record) error {
	writer := &kafka.Writer{
		Addr:         kafka.TCP(c.bootstrap...),
		Topic:        topic,
		Balancer:     &kafka.Hash{},
		RequiredAcks: kafka.RequireAll,
		Compression:  codecs[codec],
		BatchTimeout: 50 * time.Millisecond,
	}
	var messages []kafka.Message
	for _, record := range records {
		messages = append(messages, kafka.Message{Key: record.Key, Value: record.Value})
	}
	if err := writer.WriteMessages(context.Background(), messages...); err != nil {
		return err
	}
	return writer.Close()
}

func (c client) Read(topic string, count int) error {
	metadata, err := c.address().Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	received := make(chan kafka.Message)
	for _, partition := range metadata.Topics[0].Partitions {
		reader := kafka.NewReader(kafka.ReaderConfig{
			Brokers: c.bootstrap, Topic: topic, Partition: partition.ID, MaxWait: 500 * time.Millisecond,
		})
		go func() {
			for {
				message, err := reader.ReadMessage(context.Background())
				if err != nil {
					return
				}
				received <- message
			}
		}()
	}
	for ; count > 0; count-- {
		show(<-received)
	}
	return nil
}

func (c client) Join(topic, group string, leave <-chan struct{}) error {
	config := kafka.ReaderConfig{
		Brokers: c.bootstrap, Topic: topic, GroupID: group,
		StartOffset: kafka.FirstOffset, MaxWait: 500 * time.Millisecond,
	}
	if session := lines.SessionTimeout(); session > 0 {
		config.SessionTimeout, config.RebalanceTimeout, config.HeartbeatInterval = session, session, lines.Heartbeat
		config.JoinGroupBackoff = lines.Heartbeat
	}
	reader := kafka.NewReader(config)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-leave
		cancel()
	}()
	for {
		message, err := reader.FetchMessage(ctx)
		if errors.Is(err, context.Canceled) {
			return reader.Close()
		}
		if err != nil {
			return err
		}
		show(message)
		// A commit that a broker's end makes fail is made good by the next one.
		_ = reader.CommitMessages(context.Background(), message)
	}
}

func show(m kafka.Message) {
	lines.Show(int64(m.Partition), m.Offset, m.Key, m.Value)
}
