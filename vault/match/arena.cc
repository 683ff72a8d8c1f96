#include "vault/match/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "vault/base/secret_bytes.h"

namespace facekeep::match {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// Maps `size` bytes; from 2 MiB on aligned to 2 MiB, so that a scan needs few TLB entries.
std::uint8_t* map_pages(std::size_t size) {
  const std::size_t slack = size >= kHugePage ? kHugePage : 0;
  void* raw = ::mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  auto* base = static_cast<std::uint8_t*>(raw);
  if (slack == 0) return base;
  const std::size_t skip =
      round_up(reinterpret_cast<std::uintptr_t>(base), kHugePage) - reinterpret_cast<std::uintptr_t>(base);
  if (skip > 0) ::munmap(base, skip);
  if (slack > skip) ::munmap(base + skip + size, slack - skip);
  (void)::madvise(base + skip, size, MADV_HUGEPAGE);  // a wish: fine without
  return base + skip;
}

Error lock_refused(int error) {
  return make_error(Errc::kExhausted,
                    std::string("memory for templates could not be locked into RAM (") + std::strerror(error) + ")",
                    "raise LimitMEMLOCK= in the systemd unit (ulimit -l), or allow unlocked memory in the "
                    "configuration and accept that templates may reach swap");
}

}  // namespace

ArenaBlock::ArenaBlock(ArenaBlock&& other) noexcept
    : arena_(std::exchange(other.arena_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, false)) {}

ArenaBlock& ArenaBlock::operator=(ArenaBlock&& other) noexcept {
  if (this != &other) {
    reset();
    arena_ = std::exchange(other.arena_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    locked_ = std::exchange(other.locked_, false);
  }
  return *this;
}

void ArenaBlock::reset() noexcept {
  if (data_ == nullptr) return;
  cleanse({data_, size_});
  ::munmap(data_, size_);  // unlocks too
  arena_->bytes_.fetch_sub(size_, std::memory_order_relaxed);
  if (!locked_) arena_->unlocked_.fetch_sub(size_, std::memory_order_relaxed);
  data_ = nullptr;
  size_ = 0;
}

Result<ArenaBlock> Arena::allocate(std::size_t bytes) {
  const std::size_t size = round_up(bytes, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
  if (size < bytes || size == 0) return make_error(Errc::kInternal, "a block of no size was asked for");
  const std::size_t before = bytes_.fetch_add(size, std::memory_order_relaxed);
  if (size > options_.max_bytes || before > options_.max_bytes - size) {
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return make_error(Errc::kExhausted, "the memory set aside for templates is full",
                      "raise the configured memory for templates, or erase templates");
  }
  std::uint8_t* data = map_pages(size);
  if (data == nullptr) {
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return make_error(Errc::kExhausted, "the machine has no memory left for templates", "add memory");
  }
  // Before any template is in it: no dump, no copy in a child. Kernels before 4.14 refuse the second.
  const bool undumped = ::madvise(data, size, MADV_DONTDUMP) == 0;
  (void)::madvise(data, size, MADV_WIPEONFORK);
  const int lock_error = ::mlock(data, size) == 0 ? 0 : errno;
  if (!undumped || (lock_error != 0 && !options_.allow_unlocked)) {
    ::munmap(data, size);
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    if (!undumped) return make_error(Errc::kIo, "memory for templates could not be kept out of core dumps");
    return lock_refused(lock_error);
  }
  if (lock_error != 0) unlocked_.fetch_add(size, std::memory_order_relaxed);
  ArenaBlock block;
  block.arena_ = this;
  block.data_ = data;
  block.size_ = size;
  block.locked_ = lock_error == 0;
  return block;
}

}  // namespace facekeep::match
