#include "tools/common/qr.h"

#include <fcntl.h>
#include <qrencode.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace facekeep::tools {
namespace {

constexpr std::size_t kMaxText = 1000;
constexpr std::size_t kMaxWidth = 177;

bool write_all(int fd, const std::uint8_t* p, std::size_t n) {
  while (n > 0) {
    const ssize_t w = ::write(fd, p, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return false;
    p += w;
    n -= static_cast<std::size_t>(w);
  }
  return true;
}

// In the child: one byte of width, then the modules. Nothing is freed; the process ends.
[[noreturn]] void encode_and_exit(int fd, ByteView text) {
  const rlimit none = {0, 0};
  ::prctl(PR_SET_DUMPABLE, 0);
  ::setrlimit(RLIMIT_CORE, &none);
  std::array<char, kMaxText + 1> copy{};
  std::copy(text.begin(), text.end(), copy.begin());
  const QRcode* code = QRcode_encodeString(copy.data(), 0, QR_ECLEVEL_M, QR_MODE_8, 1);
  if (code == nullptr) ::_exit(1);
  const auto width = static_cast<std::uint8_t>(code->width);
  const std::size_t modules = std::size_t{width} * width;
  for (std::size_t i = 0; i < modules; ++i) code->data[i] &= 1;  // the other bits say what kind of module
  ::_exit(write_all(fd, &width, 1) && write_all(fd, code->data, modules) ? 0 : 1);
}

bool read_exactly(int fd, MutableByteView out) {
  while (!out.empty()) {
    const ssize_t n = ::read(fd, out.data(), out.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool read_modules(int fd, QrModules& out) {
  std::uint8_t width = 0;
  if (!read_exactly(fd, {&width, 1}) || width > kMaxWidth) return false;
  out.width = width;
  out.dark = SecretBytes(out.width * out.width);
  return read_exactly(fd, out.dark.mutable_view());
}

}  // namespace

Result<QrModules> qr_modules(ByteView text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
  if (text.empty() || text.size() > kMaxText || !printable) {
    return make_error(Errc::kInvalidArgument, "a QR code takes 1 to 1000 printable ASCII characters here");
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return make_error(Errc::kIo, std::string("no pipe: ") + std::strerror(errno));
  const pid_t child = ::fork();
  if (child == 0) encode_and_exit(ends[1], text);
  ::close(ends[1]);
  QrModules out;
  const bool whole = child > 0 && read_modules(ends[0], out);
  ::close(ends[0]);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child < 0) return make_error(Errc::kIo, "no process could be started for the QR code");
  if (!whole || status != 0) return make_error(Errc::kInternal, "the QR code could not be computed");
  return out;
}

}  // namespace facekeep::tools
