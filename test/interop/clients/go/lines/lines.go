// Package lines holds what the clients share: the arguments and lines of text that program-client.ts describes.
package lines

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client is what each program implements.
type Client interface {
	Create(topic string, partitions int) error
	Produce(topic, codec string, records []Record) error
	// Read reads count records of all partitions from their beginning.
	Read(topic string, count int) error
	// Join reads as a member of a group until leave is closed, then leaves the group.
	Join(topic, group string, leave <-chan struct{}) error
}

type Record struct{ Key, Value []byte }

// SessionTimeout is what members of groups are to use; 0 leaves the client its own.
func SessionTimeout() time.Duration {
	ms, _ := strconv.Atoi(os.Getenv("SESSION_TIMEOUT_MS"))
	return time.Duration(ms) * time.Millisecond
}

// Heartbeat is the interval that goes with a session timeout.
const Heartbeat = 200 * time.Millisecond

// Show prints a record that was received.
func Show(partition, offset int64, key, value []byte) {
	fmt.Printf("%d\t%d\t%s\t%s\n", partition, offset, key, value)
}

// Run does what the arguments say; connect makes a client of the bootstrap servers.
func Run(connect func(bootstrap []string) Client) {
	client := connect(strings.Split(os.Args[2], ","))
	var err error
	switch os.Args[1] {
	case "create":
		err = client.Create(os.Args[3], number(os.Args[4]))
	case "produce":
		err = client.Produce(os.Args[3], os.Args[4], records())
	case "read":
		err = client.Read(os.Args[3], number(os.Args[4]))
	case "join":
		leave := make(chan struct{})
		go func() {
			io.Copy(io.Discard, os.Stdin)
			close(leave)
		}()
		err = client.Join(os.Args[3], os.Args[4], leave)
	default:
		err = fmt.Errorf("unknown command %s", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func records() []Record {
	var all []Record
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		key, value, _ := strings.Cut(scanner.Text(), "\t")
		all = append(all, Record{[]byte(key), []byte(value)})
	}
	return all
}
