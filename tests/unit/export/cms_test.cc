// What the writer seals is opened by `openssl cms`, and by the vault's own reader.
#include <openssl/pem.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/export/certs.h"
#include "vault/base/digest.h"
#include "vault/export/cms_open.h"
#include "vault/export/cms_stream.h"

using namespace facekeep;
using namespace facekeep::exporter;
using namespace facekeep::exporter::test;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "facekeep-export-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (path / name).string(); }
  void write(const std::string& name, ByteView bytes) const {
    std::ofstream(file(name), std::ios::binary) << as_chars(bytes);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_key(const std::string& name, EVP_PKEY* key) const {
    const BioPtr out(BIO_new_file(file(name).c_str(), "wb"));
    REQUIRE(PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  }
};

std::vector<Recipient> recipients(std::initializer_list<const char*> kinds) {
  std::vector<Bytes> certs;
  for (const char* k : kinds) certs.push_back(make_cert({.key = k, .serial = static_cast<long>(certs.size()) + 1}));
  auto r = parse_recipients(certs);
  REQUIRE(r);
  return *r;
}

struct Sealed {
  Bytes bytes;
  SealedSize size;
};

Sealed seal(std::span<const Recipient> to, std::initializer_list<ByteView> pieces) {
  Sealed out;
  auto s = CmsStream::open(to, [&](ByteView b) -> Status {
    out.bytes.insert(out.bytes.end(), b.begin(), b.end());
    return {};
  });
  REQUIRE(s);
  for (const ByteView p : pieces) REQUIRE(s->write(p));
  auto size = s->finish();
  REQUIRE(size);
  out.size = *size;
  return out;
}

int openssl_cms(const Folder& f, const std::string& in, const std::string& key, const std::string& out) {
  const std::string line = "openssl cms -decrypt -binary -inform DER -in " + f.file(in) + " -inkey " + f.file(key) +
                           " -out " + f.file(out) + " 2>" + f.file("stderr");
  return WEXITSTATUS(std::system(line.c_str()));
}

}  // namespace

TEST_CASE("openssl cms opens what is sealed, for every kind of recipient") {
  const std::vector<const char*> kinds = {"RSA:3072", "EC:P-256", "EC:P-384", "EC:P-521"};
  const auto to = recipients({kinds[0], kinds[1], kinds[2], kinds[3]});
  const Bytes content(200'000, 'x');
  const Sealed sealed = seal(to, {content, as_bytes("the end\n")});
  CHECK(sealed.size.bytes == sealed.bytes.size());
  CHECK(sealed.size.digest == sha256(sealed.bytes));
  const Folder f;
  f.write("part", sealed.bytes);
  for (const char* kind : kinds) {
    CAPTURE(kind);
    f.write_key("key", key(kind));
    CHECK(openssl_cms(f, "part", "key", "out") == 0);
    CHECK(f.read("out") == std::string(200'000, 'x') + "the end\n");
  }
}

TEST_CASE("a part names AES-256-GCM, OAEP with SHA-256 and ECDH with the curve's own hash") {
  const Folder f;
  f.write("part", seal(recipients({"RSA:3072", "EC:P-384"}), {as_bytes("x")}).bytes);
  REQUIRE(std::system(("openssl cms -cmsout -print -noout -inform DER -in " + f.file("part") + " >" + f.file("text"))
                          .c_str()) == 0);
  const std::string text = f.read("text");
  for (const char* part : {"id-smime-ct-authEnvelopedData", "aes-256-gcm", "rsaesOaep", "sha256",
                           "dhSinglePass-stdDH-sha384kdf-scheme", "id-aes256-wrap"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find("rsaEncryption") == std::string::npos);
}

TEST_CASE("openssl cms refuses a part of which any one byte was changed") {
  const Sealed sealed = seal(recipients({"EC:P-256"}), {Bytes(2000, 'y')});
  const Folder f;
  f.write_key("key", key("EC:P-256"));
  for (const std::size_t from_end : {1U, 10U, 17U, 25U, 1000U}) {  // the tag, then the content
    CAPTURE(from_end);
    Bytes changed = sealed.bytes;
    changed[changed.size() - from_end] ^= 1;
    f.write("part", changed);
    CHECK(openssl_cms(f, "part", "key", "out") != 0);
  }
  Bytes changed = sealed.bytes;
  changed[changed.size() - 1000] ^= 1;
  f.write("part", changed);
  CHECK(openssl_cms(f, "part", "key", "out") == 4);  // what the runbook tells the recipient to look at
}

TEST_CASE("a part opens for its recipients alone") {
  const Sealed sealed = seal(recipients({"EC:P-256", "RSA:3072"}), {as_bytes("row\n")});
  for (const char* kind : {"EC:P-256", "RSA:3072"}) {
    const auto opened = open_cms(sealed.bytes, key(kind));
    REQUIRE(opened);
    CHECK(as_chars(opened->view()) == "row\n");
  }
  for (const char* kind : {"EC:P-256#other", "EC:P-384", "RSA:3072#other", "ED25519"}) {
    CAPTURE(kind);
    CHECK(open_cms(sealed.bytes, key(std::string(kind) == "RSA:3072#other" ? "RSA:2048" : kind)).error().code ==
          Errc::kCrypto);
  }
}

TEST_CASE("the reader gives nothing of a part that was changed, cut or lengthened") {
  const Sealed sealed = seal(recipients({"EC:P-256"}), {as_bytes("a row of somebody\n")});
  for (std::size_t i = 0; i < sealed.bytes.size(); ++i) {
    Bytes changed = sealed.bytes;
    changed[i] ^= 1;
    const auto r = open_cms(changed, key("EC:P-256"));
    // What is not authenticated (the recipient's identifier) may be changed; the content never is.
    if (r) CHECK(as_chars(r->view()) == "a row of somebody\n");
  }
  CHECK(open_cms(ByteView(sealed.bytes).first(sealed.bytes.size() - 1), key("EC:P-256")).error().code ==
        Errc::kMalformed);
  CHECK(open_cms(concat(sealed.bytes, Bytes{0}), key("EC:P-256")).error().code == Errc::kMalformed);
  CHECK(open_cms(as_bytes("no CMS"), key("EC:P-256")).error().code == Errc::kMalformed);
}

TEST_CASE("the reader refuses CMS that proves nothing about its content") {
  const Bytes der = make_cert({});
  const X509Ptr cert = x509_from_der(der);
  STACK_OF(X509)* certs = sk_X509_new_null();
  sk_X509_push(certs, cert.get());
  const BioPtr in(BIO_new_mem_buf("row", 3));
  const CmsPtr cms(CMS_encrypt(certs, in.get(), EVP_aes_256_cbc(), CMS_BINARY));
  sk_X509_free(certs);
  REQUIRE(cms != nullptr);
  unsigned char* out = nullptr;
  const int n = i2d_CMS_ContentInfo(cms.get(), &out);
  CHECK(open_cms({out, static_cast<std::size_t>(n)}, key("EC:P-256")).error().code == Errc::kMalformed);
  OPENSSL_free(out);
}

TEST_CASE("the sink's error ends the message and is what the caller gets") {
  const auto to = recipients({"EC:P-256"});
  std::uint64_t taken = 0;
  auto s = CmsStream::open(to, [&](ByteView b) -> Status {
    taken += b.size();
    return taken > 10'000 ? Status(make_error(Errc::kOutOfSpace, "the disk is full")) : Status();
  });
  REQUIRE(s);
  const Bytes content(100'000, 'x');
  CHECK(s->write(content).error().code == Errc::kOutOfSpace);
  CHECK(s->write(content).error().code == Errc::kOutOfSpace);
  CHECK(s->finish().error().code == Errc::kOutOfSpace);
}

TEST_CASE("a stream that is never finished leaves a message that does not open") {
  Bytes bytes;
  {
    auto s = CmsStream::open(recipients({"EC:P-256"}), [&](ByteView b) -> Status {
      bytes.insert(bytes.end(), b.begin(), b.end());
      return {};
    });
    REQUIRE(s);
    REQUIRE(s->write(Bytes(10'000, 'x')));
  }
  CHECK_FALSE(open_cms(bytes, key("EC:P-256")));
}

TEST_CASE("no message is longer than its bound") {
  const auto to = recipients({"RSA:3072", "EC:P-521"});
  const std::uint64_t head = seal(to, {as_bytes("x")}).bytes.size();
  CHECK(head < CmsStream::kMaxHead);
  for (const std::size_t n : {1U, 15U, 16U, 17U, 4095U, 4096U, 4097U, 65535U, 65536U, 65537U, 300'000U}) {
    CAPTURE(n);
    const Bytes content(n, 'z');
    CHECK(seal(to, {content}).bytes.size() <= head + CmsStream::max_sealed_size(n));
  }
}

TEST_CASE("a message without content is refused") {
  auto s = CmsStream::open(recipients({"EC:P-256"}), [](ByteView) -> Status { return {}; });
  REQUIRE(s);
  CHECK(s->finish().error().code == Errc::kInvalidArgument);
}

TEST_CASE("a gigabyte goes through in constant memory") {
  const auto to = recipients({"EC:P-256"});
  std::uint64_t taken = 0;
  auto s = CmsStream::open(to, [&](ByteView b) -> Status {
    taken += b.size();
    return {};
  });
  REQUIRE(s);
  const Bytes piece(std::size_t{1} << 20, 'x');
  REQUIRE(s->write(piece));
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (int i = 0; i < 1023; ++i) REQUIRE(s->write(piece));
  REQUIRE(s->finish());
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  CHECK(taken > std::uint64_t{1} << 30);
  CHECK(after.ru_maxrss - before.ru_maxrss < 8 * 1024);  // kB
}
