// Sarama behind the arguments that program-client.ts describes.
package main

import (
	"context"

	"github.com/IBM/sarama"
	"odradek.interop/clients/lines"
)

type client struct{ bootstrap []string }

func main() {
	lines.Run(func(bootstrap []string) lines.Client { return client{bootstrap} })
}

func (c client) Create(topic string, partitions int) error {
	admin, err := sarama.NewClusterAdmin(c.bootstrap, sarama.NewConfig())
	if err != nil {
		return err
	}
	defer admin.Close()
	return admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: -1}, false)
}

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

func (c client) Produce(topic, codec string, records []lines.Record) error {
	config := sarama.NewConfig()
	config.Producer.Compression = codecs[codec]
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(c.bootstrap, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, record := range records {
		key, value := sarama.ByteEncoder(record.Key), sarama.ByteEncoder(record.Value)
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Key: key, Value: value})
	}
	return producer.SendMessages(messages)
}

func (c client) Read(topic string, count int) error {
	consumer, err := sarama.NewConsumer(c.bootstrap, sarama.NewConfig())
	if err != nil {
		return err
	}
	defer consumer.Close()
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return err
	}
	received := make(chan *sarama.ConsumerMessage)
	for _, partition := range partitions {
		reader, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
		if err != nil {
			return err
		}
		go func() {
			for message := range reader.Messages() {
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
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if session := lines.SessionTimeout(); session > 0 {
		config.Consumer.Group.Session.Timeout = session
		config.Consumer.Group.Heartbeat.Interval = lines.Heartbeat
		config.Consumer.Offsets.AutoCommit.Interval = lines.Heartbeat
		config.Metadata.Retry.Backoff = lines.Heartbeat
	}
	member, err := sarama.NewConsumerGroup(c.bootstrap, group, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-leave
		cancel()
	}()
	// Consume returns at each rebalance.
	for ctx.Err() == nil {
		if err := member.Consume(ctx, []string{topic}, reader{}); err != nil {
			return err
		}
	}
	return member.Close()
}

type reader struct{}

func (reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			show(message)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func show(m *sarama.ConsumerMessage) {
	lines.Show(int64(m.Partition), m.Offset, m.Key, m.Value)
}
