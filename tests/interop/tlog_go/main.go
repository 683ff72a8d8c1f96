// Reads mirrors of one log with golang.org/x/mod/sumdb (note, tlog), code that facekeep does not share:
//
//	tlog_go DIR/SIZE...
//
// The mirrors are given smallest first; each must extend the one before. Prints one line a check, then the count.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type mirror struct {
	dir  string
	size int64
	root tlog.Hash
}

// hashes is a tlog.HashReader over the stored hashes that replaying the entries gave.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(h)) {
			return nil, fmt.Errorf("hash %d is not there", x)
		}
		out[i] = h[x]
	}
	return out, nil
}

// path turns tlog's tile/8/L/N into C2SP's tile/L/N.
func path(t tlog.Tile) string {
	p := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return strings.Replace(p, "tile/data/", "tile/entries/", 1)
}

func open(dir string) (*mirror, note.Verifier, []byte, error) {
	vkey, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		return nil, nil, nil, err
	}
	verifier, err := newVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return nil, nil, nil, err
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return nil, nil, nil, err
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("checkpoint: %v", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return nil, nil, nil, fmt.Errorf("checkpoint: not three lines of this origin")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return nil, nil, nil, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return nil, nil, nil, fmt.Errorf("checkpoint: bad root")
	}
	m := &mirror{dir: dir, size: size}
	copy(m.root[:], root)
	return m, verifier, signed, nil
}

// replay hashes every entry of every bundle.
func (m *mirror) replay() (hashes, error) {
	var stored hashes
	for first := int64(0); first < m.size; first += 256 {
		width := m.size - first
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)}
		data, err := os.ReadFile(filepath.Join(m.dir, path(tile)))
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d ends in entry %d", first/256, i)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			more, err := tlog.StoredHashes(first+i, data[2:end], stored)
			if err != nil {
				return nil, err
			}
			stored, data = append(stored, more...), data[end:]
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("bundle %d has %d bytes behind its end", first/256, len(data))
		}
	}
	return stored, nil
}

// tiles compares every tile that a tree of this size has with the files, and counts the files.
func (m *mirror) tiles(stored hashes) error {
	// NewTiles lists partial tiles of every width; a tree of this size has the widest.
	widest := map[[2]int64]tlog.Tile{}
	for _, t := range tlog.NewTiles(8, 0, m.size) {
		if at := [2]int64{int64(t.L), t.N}; widest[at].W < t.W {
			widest[at] = t
		}
	}
	want := map[string]bool{}
	for _, t := range widest {
		data, err := tlog.ReadTileData(t, stored)
		if err != nil {
			return err
		}
		file, err := os.ReadFile(filepath.Join(m.dir, path(t)))
		if err != nil {
			return err
		}
		if !bytes.Equal(data, file) {
			return fmt.Errorf("%s differs", path(t))
		}
		want[path(t)] = true
	}
	return filepath.Walk(filepath.Join(m.dir, "tile"), func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		rel, err := filepath.Rel(m.dir, p)
		if err == nil && !strings.HasPrefix(rel, "tile/entries/") && !want[rel] {
			return fmt.Errorf("%s is no tile of this tree", rel)
		}
		return err
	})
}

func (m *mirror) records(stored hashes) error {
	for _, at := range []int64{0, m.size / 2, m.size - 1} {
		proof, err := tlog.ProveRecord(m.size, at, stored)
		if err != nil {
			return err
		}
		index := tlog.StoredHashIndex(0, at)
		if err := tlog.CheckRecord(proof, m.size, m.root, at, stored[index]); err != nil {
			return err
		}
	}
	return nil
}

func extends(old, m *mirror, stored hashes) error {
	proof, err := tlog.ProveTree(m.size, old.size, stored)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, m.size, m.root, old.size, old.root)
}

// refuses says whether a checkpoint with one bit flipped, at every place of its text, is refused.
func refuses(signed []byte, verifier note.Verifier) error {
	end := bytes.Index(signed, []byte("\n\n"))
	for i := 0; i < end; i++ {
		bad := append([]byte(nil), signed...)
		bad[i] ^= 1
		if _, err := note.Open(bad, note.VerifierList(verifier)); err == nil {
			return fmt.Errorf("byte %d may be changed", i)
		}
	}
	return nil
}

func main() {
	passed, failed := 0, 0
	check := func(what string, err error) bool {
		if err != nil {
			failed++
			fmt.Printf("  FAIL %s: %v\n", what, err)
			return false
		}
		passed++
		fmt.Printf("  ok   %s\n", what)
		return true
	}
	var before *mirror
	for _, dir := range os.Args[1:] {
		name := filepath.Base(dir) + " entries"
		m, verifier, signed, err := open(dir)
		if !check(name+": checkpoint", err) {
			continue
		}
		check(name+": no checkpoint with a flipped bit", refuses(signed, verifier))
		stored, err := m.replay()
		if !check(name+": entries", err) {
			continue
		}
		root, err := tlog.TreeHash(m.size, stored)
		if err == nil && root != m.root {
			err = fmt.Errorf("%v is not %v", root, m.root)
		}
		check(name+": root", err)
		check(name+": tiles", m.tiles(stored))
		check(name+": inclusion", m.records(stored))
		if before != nil {
			check(name+": extends "+filepath.Base(before.dir), extends(before, m, stored))
		}
		before = m
	}
	fmt.Printf("%d passed, %d failed, 0 skipped\n", passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}
