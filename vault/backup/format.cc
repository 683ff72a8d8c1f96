#include "vault/backup/format.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "vault/base/newer.h"

namespace facekeep::backup {
namespace {

constexpr std::string_view kMagic = "FKBACKUP";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kRow = 'R';
constexpr std::uint8_t kSlot = 'S';
constexpr std::uint8_t kEnd = 'Z';
constexpr std::size_t kEndSize = 1 + 8 + 8;
constexpr std::size_t kPiece = std::size_t{64} << 10;  // of a value, read before memory is taken for the next one

void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Error damaged(const char* what) {
  return make_error(Errc::kMalformed, std::string("the backup is cut or altered: ") + what,
                    "compare its SHA-256 with the one in the log, and take another copy");
}

Error too_large() {
  return make_error(Errc::kTooLarge, "a record is too large for a backup");
}

}  // namespace

Bytes encode_header(const Header& h) {
  Bytes out = to_bytes(kMagic);
  append_be16(out, kVersion);
  append(out, h.vault);
  append_be64(out, h.size);
  append(out, h.root);
  append_be32(out, h.root_epoch);
  append_be64(out, h.from());
  append(out, h.since ? h.since->digest : Digest{});
  return out;
}

Result<Header> parse_header(ByteView bytes) {
  if (bytes.size() != kHeaderSize || !as_chars(bytes).starts_with(kMagic)) {
    return make_error(Errc::kMalformed, "this is not a backup of facekeep");
  }
  if (const std::uint16_t version = load_be16(bytes.data() + 8); version != kVersion) {
    return version > kVersion ? newer_format("the backup", version, kVersion) : damaged("it has no format");
  }
  Header h;
  std::copy_n(bytes.begin() + 10, 16, h.vault.begin());
  h.size = load_be64(bytes.data() + 26);
  std::copy_n(bytes.begin() + 34, 32, h.root.begin());
  h.root_epoch = load_be32(bytes.data() + 66);
  Since since;
  since.size = load_be64(bytes.data() + 70);
  std::copy_n(bytes.begin() + 78, 32, since.digest.begin());
  if (h.size == 0 || since.size >= h.size) return damaged("its header counts entries that can't be");
  if ((since.size == 0) != (since.digest == Digest{})) return damaged("its header names half of what it builds on");
  if (since.size > 0) h.since = since;
  return h;
}

Status Writer::put(ByteView bytes) {
  before_end_.add(bytes);
  whole_.add(bytes);
  bytes_ += bytes.size();
  return sink_(bytes);
}

Status Writer::begin(const Header& header) {
  return put(encode_header(header));
}

Status Writer::row(ByteView key, ByteView value) {
  if (key.empty() || key.size() > kMaxKey || value.size() > kMaxValue) return too_large();
  Bytes head;
  head.push_back(kRow);
  append_be16(head, static_cast<std::uint16_t>(key.size()));
  append_be32(head, static_cast<std::uint32_t>(value.size()));
  append(head, key);
  ++rows_;
  FK_CHECK(put(head));
  return put(value);
}

Status Writer::slot(std::uint32_t slot, ByteView data) {
  if (data.empty() || data.size() > kMaxSlotBytes) return too_large();
  Bytes record;
  record.push_back(kSlot);
  append_be32(record, slot);
  record.push_back(static_cast<std::uint8_t>(data.size()));
  append(record, data);
  ++slots_;
  return put(record);
}

Status Writer::finish() {
  Bytes end;
  end.push_back(kEnd);
  append_be64(end, rows_);
  append_be64(end, slots_);
  FK_CHECK(put(end));
  const Digest digest = before_end_.finish();
  whole_.add(digest);
  bytes_ += digest.size();
  digest_ = whole_.finish();
  return sink_(digest);
}

Result<Reader> Reader::open(Source source) {
  Reader r(std::move(source));
  Bytes bytes(kHeaderSize);
  if (!r.take(bytes)) return make_error(Errc::kMalformed, "this is not a backup of facekeep");
  r.before_end_.add(bytes);
  FK_TRY(r.header_, parse_header(bytes));
  return r;
}

// Exactly as many bytes, which the whole file's digest then covers.
Status Reader::take(MutableByteView out) {
  const MutableByteView all = out;
  while (!out.empty()) {
    FK_TRY(const std::size_t n, source_(out));
    if (n == 0 || n > out.size()) return damaged("it ends before its end mark");
    out = out.subspan(n);
  }
  whole_.add(all);
  bytes_ += all.size();
  return {};
}

// A length that lies takes no more memory than there are bytes behind it.
Status Reader::take_value(std::size_t size) {
  value_.clear();
  while (value_.size() < size) {
    const std::size_t have = value_.size();
    const std::size_t more = std::min(size - have, std::max(have, kPiece));
    value_.resize(have + more);
    FK_CHECK(take(MutableByteView(value_).subspan(have)));
  }
  before_end_.add(value_);
  return {};
}

Result<std::optional<Record>> Reader::next() {
  if (ended_) return std::optional<Record>();
  std::array<std::uint8_t, kEndSize> head{};
  const MutableByteView bytes(head);
  FK_CHECK(take(bytes.first(1)));
  if (head[0] == kEnd) return end();
  if (head[0] != kRow && head[0] != kSlot) return damaged("it has a record of no known kind");
  const std::size_t size = head[0] == kRow ? 7 : 6;
  FK_CHECK(take(bytes.subspan(1, size - 1)));
  before_end_.add(bytes.first(size));
  if (head[0] == kSlot) {
    if (head[5] == 0 || head[5] > kMaxSlotBytes) return damaged("it has a key slot of a wrong length");
    ++slots_;
    FK_CHECK(take_value(head[5]));
    return std::optional<Record>(Slot{load_be32(head.data() + 1), value_});
  }
  const std::size_t key = load_be16(head.data() + 1);
  const std::size_t value = load_be32(head.data() + 3);
  if (key == 0 || key > kMaxKey || value > kMaxValue) return damaged("it has a row of a wrong length");
  ++rows_;
  FK_CHECK(take_value(key));
  std::swap(key_, value_);
  FK_CHECK(take_value(value));
  return std::optional<Record>(Row{key_, value_});
}

Result<std::optional<Record>> Reader::end() {
  std::array<std::uint8_t, kEndSize> mark{};
  mark[0] = kEnd;
  FK_CHECK(take(MutableByteView(mark).subspan(1)));
  before_end_.add(mark);
  Digest stored{};
  FK_CHECK(take(stored));
  if (before_end_.finish() != stored) return damaged("its digest is not that of its bytes");
  if (load_be64(mark.data() + 1) != rows_ || load_be64(mark.data() + 9) != slots_) {
    return damaged("its end mark counts other records");
  }
  std::array<std::uint8_t, 1> more{};
  FK_TRY(const std::size_t behind, source_(more));
  if (behind != 0) return damaged("something stands behind its end mark");
  digest_ = whole_.finish();
  ended_ = true;
  return std::optional<Record>();
}

}  // namespace facekeep::backup
