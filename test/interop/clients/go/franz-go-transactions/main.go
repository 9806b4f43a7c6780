// franz-go behind the lines that transaction-program.ts describes.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const wait = 20 * time.Second

type program struct {
	bootstrap       []string
	transactionalID string
	group           string
	topic           string
	producer        *kgo.Client
	consumer        *kgo.Client
	positions       map[int32]int64
}

func main() {
	p := &program{bootstrap: strings.Split(os.Args[1], ","), transactionalID: os.Args[2], group: os.Args[3]}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<20)
	for in.Scan() {
		answer, err := p.run(strings.Fields(in.Text()))
		if err != nil {
			fmt.Println("error " + nameOf(err))
		} else {
			fmt.Println("ok " + answer)
		}
	}
}

func nameOf(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch} {
		if errors.Is(err, fenced) {
			return "fenced " + text
		}
	}
	return text
}

func (p *program) run(line []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	switch line[0] {
	case "init":
		if p.producer != nil {
			p.producer.Close()
		}
		var err error
		p.producer, err = kgo.NewClient(
			kgo.SeedBrokers(p.bootstrap...),
			kgo.TransactionalID(p.transactionalID),
			kgo.TransactionTimeout(20*time.Second),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerLinger(0),
			kgo.RecordDeliveryTimeout(15*time.Second),
		)
		if err != nil {
			return "", err
		}
		_, _, err = p.producer.ProducerID(ctx)
		return "", err
	case "begin":
		return "", p.producer.BeginTransaction()
	case "send":
		partition, _ := strconv.Atoi(line[2])
		record := &kgo.Record{Topic: line[1], Partition: int32(partition), Value: []byte(line[3])}
		sent, err := p.producer.ProduceSync(ctx, record).First()
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(sent.Offset, 10), nil
	case "commit":
		return "", p.producer.EndTransaction(ctx, kgo.TryCommit)
	case "abort":
		if err := p.producer.AbortBufferedRecords(ctx); err != nil {
			return "", err
		}
		return "", p.producer.EndTransaction(ctx, kgo.TryAbort)
	case "assign":
		starts := map[int32]kgo.Offset{}
		for _, text := range strings.Split(line[2], ",") {
			partition, _ := strconv.Atoi(text)
			starts[int32(partition)] = kgo.NewOffset().AtStart()
		}
		return "", p.consume(line[1], kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{line[1]: starts}))
	case "poll":
		timeout, _ := strconv.Atoi(line[1])
		short, done := context.WithTimeout(context.Background(), time.Duration(timeout)*time.Millisecond)
		defer done()
		var out []string
		p.consumer.PollFetches(short).EachRecord(func(r *kgo.Record) {
			out = append(out, fmt.Sprintf("%d:%d:%s", r.Partition, r.Offset, r.Value))
			p.positions[r.Partition] = r.Offset + 1
		})
		return strings.Join(out, " "), nil
	case "rewind":
		return "", p.rewind(ctx)
	case "offsets":
		// kgo commits offsets in a transaction only for a group session; the requests are the same.
		return "", p.commitOffsets(ctx)
	default:
		return "", errors.New("no such command: " + line[0])
	}
}

func (p *program) consume(topic string, option kgo.Opt) error {
	if p.consumer != nil {
		p.consumer.Close()
	}
	var err error
	p.topic, p.positions = topic, map[int32]int64{}
	p.consumer, err = kgo.NewClient(
		kgo.SeedBrokers(p.bootstrap...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond),
		option,
	)
	return err
}

func (p *program) rewind(ctx context.Context) error {
	committed, err := kadm.NewClient(p.consumer).FetchOffsets(ctx, p.group)
	if err != nil {
		return err
	}
	starts := map[string]map[int32]kgo.EpochOffset{p.topic: {}}
	for partition := range p.positions {
		at := int64(0)
		if found, ok := committed.Lookup(p.topic, partition); ok {
			at = found.At
		}
		starts[p.topic][partition] = kgo.EpochOffset{Epoch: -1, Offset: at}
		p.positions[partition] = at
	}
	p.consumer.SetOffsets(starts)
	return nil
}

func (p *program) commitOffsets(ctx context.Context) error {
	id, epoch, err := p.producer.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = p.transactionalID, id, epoch, p.group
	added, err := add.RequestWith(ctx, p.producer)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return err
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = p.transactionalID, id, epoch, p.group
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic = p.topic
	for partition, at := range p.positions {
		place := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		place.Partition, place.Offset = partition, at
		topic.Partitions = append(topic.Partitions, place)
	}
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, p.producer)
	if err != nil {
		return err
	}
	for _, topic := range committed.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}
