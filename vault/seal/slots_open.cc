// Making and opening the two slot files, and evening out what a crash or a loss left of them.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "vault/base/newer.h"
#include "vault/seal/slots.h"

namespace facekeep::seal {
namespace {}  // namespace

Result<FileHandle> KeySlots::take_lock(const std::string& dir) {
  const std::string path = dir + "/slots.lock";
  FileHandle fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return io_error(errno, path + " can't be opened");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return io_error(errno, path + " can't be locked");
    return make_error(Errc::kUnavailable, "another process has the key slots in " + dir, "stop the other daemon first");
  }
  return fd;
}

namespace {

Result<Bytes> whole_file(const SlotFile& file) {
  FK_TRY(const std::uint64_t size, file.size());
  Bytes out(size);
  FK_CHECK(file.read(0, out));
  return out;
}

// The file; if it is missing, a copy of the other one under its name.
Result<SlotFile> open_or_restore(const std::string& dir, const std::string& name, const std::string& other) {
  auto file = SlotFile::open(dir + "/" + name);
  if (file || file.error().code != Errc::kNotFound) return file;
  auto from = SlotFile::open(dir + "/" + other);
  if (!from) return file;
  FK_TRY(const Bytes content, whole_file(*from));
  FK_CHECK(SlotFile::create(dir, name, content));
  return SlotFile::open(dir + "/" + name);
}

}  // namespace

std::array<std::string, 2> KeySlots::file_names(std::uint32_t epoch) {
  const std::string stem = epoch == 1 ? "slots" : "slots-" + std::to_string(epoch);
  return {stem + ".a", stem + ".b"};
}

Result<std::unique_ptr<KeySlots>> KeySlots::create(const std::string& dir, const Id128& vault) {
  FK_TRY(FileHandle lock, take_lock(dir));
  return create_locked(dir, vault, 1, std::move(lock));
}

Result<std::unique_ptr<KeySlots>> KeySlots::open(const std::string& dir, const Id128& vault) {
  FK_TRY(FileHandle lock, take_lock(dir));
  return open_locked(dir, vault, 1, std::move(lock));
}

Result<std::unique_ptr<KeySlots>> KeySlots::create_locked(const std::string& dir, const Id128& vault,
                                                          std::uint32_t epoch, FileHandle lock) {
  const auto names = file_names(epoch);
  for (const std::string& name : names) {
    if (SlotFile::open(dir + "/" + name)) {
      return make_error(Errc::kAlreadyExists, "there are key slots in " + dir + " already");
    }
  }
  // Crash after the first: one copy, which open() doubles.
  for (const std::string& name : names) FK_CHECK(SlotFile::create(dir, name, make_slot_header(vault)));
  return open_locked(dir, vault, epoch, std::move(lock));
}

Result<std::unique_ptr<KeySlots>> KeySlots::open_locked(const std::string& dir, const Id128& vault, std::uint32_t epoch,
                                                        FileHandle lock) {
  std::unique_ptr<KeySlots> out(new KeySlots(vault, std::move(lock)));
  const auto names = file_names(epoch);
  FK_TRY(out->a_, open_or_restore(dir, names[0], names[1]));
  FK_TRY(out->b_, open_or_restore(dir, names[1], names[0]));
  Status a = out->check_header(out->a_, names[0]);
  Status b = out->check_header(out->b_, names[1]);
  for (const Status* one : {&a, &b}) {
    // Of another vault, or of a newer program, whose header is not to be written over.
    if (!*one && (one->error().code == Errc::kIntegrity || is_newer(one->error()))) return one->error();
  }
  if (!a && !b) {
    return make_error(Errc::kIntegrity, "the headers of both key-slot files are damaged", "restore them from a backup");
  }
  // One header damaged, the other sound and of this vault: write it again.
  for (const auto& [good, file] : {std::pair{bool(a), &out->a_}, std::pair{bool(b), &out->b_}}) {
    if (good) continue;
    FK_CHECK(file->write(0, make_slot_header(vault)));
    FK_CHECK(file->sync());
  }
  FK_CHECK(out->reconcile_sizes());
  return out;
}

// kIntegrity: a sound header of another vault. kMalformed or kIo: a header that can't be read.
Status KeySlots::check_header(const SlotFile& file, const std::string& name) const {
  SlotBytes header{};
  FK_CHECK(file.read(0, header));
  FK_TRY(const Id128 vault, parse_slot_header(header));
  if (vault != vault_) {
    return make_error(Errc::kIntegrity, "the key-slot file " + name + " is of another vault",
                      "put back the files of this vault");
  }
  return {};
}

// Different lengths: growth stopped half-way (the longer one's tail is empty), or a copy was cut off
// (the longer one's tail is all that is left). Copying the tail is right for both.
Status KeySlots::reconcile_sizes() {
  FK_TRY(const std::uint64_t in_a, a_.size());
  FK_TRY(const std::uint64_t in_b, b_.size());
  const auto whole = [](std::uint64_t size) { return size / kSlotSize * kSlotSize; };
  const SlotFile& longer = in_a >= in_b ? a_ : b_;
  const SlotFile& shorter = in_a >= in_b ? b_ : a_;
  const std::uint64_t from = std::max<std::uint64_t>(whole(std::min(in_a, in_b)), kSlotSize);
  const std::uint64_t to = (std::max(in_a, in_b) + kSlotSize - 1) / kSlotSize * kSlotSize;
  if (to / kSlotSize - 1 > kMaxSlots) return make_error(Errc::kIntegrity, "a key-slot file is longer than can be");
  FK_CHECK(longer.grow(to));
  if (from < to && in_a != in_b) {
    FK_CHECK(shorter.grow(to));
    Bytes piece(std::size_t{1} << 20);
    for (std::uint64_t at = from; at < to; at += piece.size()) {
      piece.resize(std::min<std::uint64_t>(piece.size(), to - at));
      FK_CHECK(longer.read(at, piece));
      FK_CHECK(shorter.write(at, piece));
    }
    FK_CHECK(shorter.sync());
  } else {
    FK_CHECK(shorter.grow(to));
  }
  count_ = static_cast<std::uint32_t>(to / kSlotSize - 1);
  return {};
}

}  // namespace facekeep::seal
