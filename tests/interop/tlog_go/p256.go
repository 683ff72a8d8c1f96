package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// newVerifier knows the types of C2SP signed-note that facekeep signs with: 0x01, which sumdb/note has, and 0x02, ECDSA
// over P-256 with SHA-256, which it has not.
func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("malformed vkey")
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) == 0 {
		return nil, fmt.Errorf("malformed vkey")
	}
	if raw[0] != 2 {
		return note.NewVerifier(vkey)
	}
	public, err := x509.ParsePKIXPublicKey(raw[1:])
	if err != nil {
		return nil, err
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve.Params().Name != "P-256" {
		return nil, fmt.Errorf("not a P-256 key")
	}
	digest := sha256.Sum256(raw[1:])
	id := binary.BigEndian.Uint32(digest[:])
	if stated, err := strconv.ParseUint(parts[1], 16, 32); err != nil || uint32(stated) != id {
		return nil, fmt.Errorf("the vkey's id is not SHA-256 of its key")
	}
	return &p256{parts[0], id, key}, nil
}

type p256 struct {
	name string
	id   uint32
	key  *ecdsa.PublicKey
}

func (v *p256) Name() string    { return v.name }
func (v *p256) KeyHash() uint32 { return v.id }
func (v *p256) Verify(message, signature []byte) bool {
	digest := sha256.Sum256(message)
	return ecdsa.VerifyASN1(v.key, digest[:], signature)
}
