// Command ledger-judge reads what our ledger wrote with the Go packages that others read logs with, and writes a log of its
// own with Tessera's POSIX driver, which our verifier is to read.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// openCheckpoint is the caller's: x/mod parses the head of a checksum database only, whose first line has no origin.
func openCheckpoint(vkey string, text []byte) (*checkpoint, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return nil, errors.New("not a checkpoint of the key's log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return nil, err
	}
	root, err := tlog.ParseHash(lines[2])
	return &checkpoint{lines[0], size, root}, err
}

type inclusion struct {
	checkpoint
	Index int64
}

// checkProof splits a .tlog-proof and gives its parts to both libraries, which must agree.
func checkProof(vkey string, file []byte) (*inclusion, error) {
	head, text, ok := bytes.Cut(file, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, errors.New("not a tlog-proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return nil, err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return nil, err
	}
	tree, err := openCheckpoint(vkey, text)
	if err != nil {
		return nil, err
	}
	path := tlog.RecordProof{}
	hashes := [][]byte{}
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		path = append(path, hash)
		hashes = append(hashes, hash[:])
	}
	if err := tlog.CheckRecord(path, tree.Size, tree.Root, index, tlog.RecordHash(entry)); err != nil {
		return nil, fmt.Errorf("x/mod: %w", err)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entry)
	err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(index), uint64(tree.Size), leaf, hashes, tree.Root[:])
	if err != nil {
		return nil, fmt.Errorf("merkle: %w", err)
	}
	return &inclusion{*tree, index}, nil
}

// readEntries reads entries behind their lengths, 16 bits big-endian: a bundle of any size.
func readEntries(in io.Reader) ([][]byte, error) {
	all, err := io.ReadAll(in)
	entries := [][]byte{}
	for len(all) > 0 && err == nil {
		length := int(binary.BigEndian.Uint16(all))
		entries = append(entries, all[2:2+length])
		all = all[2+length:]
	}
	return entries, err
}

type written struct {
	Seconds      float64
	Acknowledged []float64 // milliseconds of each entry until it has an index
	Published    []float64 // until a checkpoint covers it
}

// write appends the entries with so many callers, each waiting for its answer; with none all are added in order at once.
func write(dir, skey string, callers int, entries [][]byte) (*written, error) {
	ctx := context.Background()
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithAntispam(tessera.DefaultAntispamInMemorySize, nil)
	if callers == 0 {
		options = options.WithBatching(uint(len(entries)), time.Second)
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return nil, err
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	result := &written{Acknowledged: make([]float64, len(entries)), Published: make([]float64, len(entries))}
	began := time.Now()
	ms := func(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }
	var published sync.WaitGroup
	follow := func(at int, future tessera.IndexFuture, asked time.Time) {
		if _, _, err := await.Await(ctx, future); err != nil {
			panic(err)
		}
		result.Published[at] = ms(asked)
		published.Done()
	}
	published.Add(len(entries))
	if callers == 0 {
		for at, entry := range entries {
			go follow(at, appender.Add(ctx, tessera.NewEntry(entry)), time.Now())
		}
	} else {
		addWith(callers, entries, func(at int) {
			asked := time.Now()
			future := appender.Add(ctx, tessera.NewEntry(entries[at]))
			if _, err := future(); err != nil {
				panic(err)
			}
			result.Acknowledged[at] = ms(asked)
			go follow(at, future, asked)
		})
	}
	result.Seconds = time.Since(began).Seconds()
	published.Wait()
	return result, shutdown(ctx)
}

func addWith(callers int, entries [][]byte, add func(at int)) {
	next := make(chan int)
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			for at := range next {
				add(at)
			}
		})
	}
	for at := range entries {
		next <- at
	}
	close(next)
	done.Wait()
}

func run(args []string) (any, error) {
	switch {
	case len(args) == 3 && args[0] == "checkpoint":
		text, err := os.ReadFile(args[2])
		if err != nil {
			return nil, err
		}
		return openCheckpoint(args[1], text)
	case len(args) == 3 && args[0] == "proof":
		file, err := os.ReadFile(args[2])
		if err != nil {
			return nil, err
		}
		return checkProof(args[1], file)
	case len(args) == 2 && args[0] == "key":
		skey, _, err := note.GenerateKey(rand.Reader, args[1])
		fmt.Println(skey)
		return nil, err
	case len(args) == 4 && args[0] == "write":
		callers, err := strconv.Atoi(args[3])
		if err != nil {
			return nil, err
		}
		entries, err := readEntries(os.Stdin)
		if err != nil {
			return nil, err
		}
		return write(args[1], args[2], callers, entries)
	}
	return nil, errors.New("usage: ledger-judge checkpoint VKEY FILE | key NAME | proof VKEY FILE | write DIR SKEY CALLERS <ENTRIES")
}

func main() {
	result, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if result == nil {
		return
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		panic(err)
	}
}
