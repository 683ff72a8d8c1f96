// The part of cert.h that touches files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "api/http/cert.h"
#include "api/http/socket.h"

namespace facekeep::http {
namespace {

constexpr off_t kMaxFile = 1 << 20;

Error io_error(const std::string& path, int error) {
  return make_error(error == ENOSPC ? Errc::kOutOfSpace : Errc::kIo, path + ": " + std::strerror(error));
}

Result<SecretBytes> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) return io_error(path, errno);
  if (!S_ISREG(info.st_mode) || info.st_size > kMaxFile) {
    return make_error(Errc::kInvalidArgument, path + " is no PEM file");
  }
  SecretBytes out(static_cast<std::size_t>(info.st_size));
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = ::read(fd.get(), out.data() + got, out.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(path, errno);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.shrink(got);
  return out;
}

Error named(const std::string& path, Error error) {
  error.message = path + ": " + error.message;
  return error;
}

}  // namespace

Result<CertPtr> load_cert(const std::string& path) {
  FK_TRY(const SecretBytes pem, read_file(path));
  auto cert = read_cert(pem.view());
  if (!cert) return named(path, std::move(cert).error());
  return cert;
}

Result<KeyPtr> load_private_key(const std::string& path, const PassphraseSource& passphrase) {
  FK_TRY(const SecretBytes pem, read_file(path));
  auto key = read_private_key(pem.view(), passphrase);
  if (!key) return named(path, std::move(key).error());
  return key;
}

Status save_private_file(const std::string& path, ByteView bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0 && errno == EEXIST) {
    return make_error(Errc::kAlreadyExists, path + " exists", "choose another name; a key is never overwritten");
  }
  if (fd.get() < 0) return io_error(path, errno);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::unlink(path.c_str());
      return io_error(path, error);
    }
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(fd.get()) != 0) return io_error(path, errno);
  return {};
}

}  // namespace facekeep::http
