#include "vault/seal/template_seal.h"

#include <array>
#include <bit>
#include <cmath>

namespace facekeep::seal {
namespace {

static_assert(std::endian::native == std::endian::little, "templates are stored as the machine's own float32");
static_assert(sizeof(float) == 4);

// The one buffer that holds an opened template; cleansed on every way out.
struct Scratch {
  alignas(64) std::array<float, kMaxDimension> components;
  ~Scratch() { cleanse({reinterpret_cast<std::uint8_t*>(components.data()), sizeof(components)}); }
};

}  // namespace

Result<Bytes> seal_template(const PlainTemplateAccess&, AeadKey& subject_key, const Aad& aad,
                            std::span<const float> components) {
  if (aad.purpose() != Purpose::kTemplate) return make_error(Errc::kInternal, "a template needs a template's context");
  if (components.size() < kMinDimension || components.size() > kMaxDimension) {
    return make_error(Errc::kInvalidArgument, "a template has 64 to 1024 components");
  }
  for (const float c : components) {
    if (!std::isfinite(c)) return make_error(Errc::kInvalidArgument, "a template has a component that is not finite");
  }
  return seal_blob(subject_key, aad,
                   {reinterpret_cast<const std::uint8_t*>(components.data()), components.size_bytes()});
}

Status open_template(const PlainTemplateAccess&, const AeadKey& subject_key, const Aad& aad, ByteView blob,
                     FunctionRef<Status(std::span<const float>)> use) {
  if (aad.purpose() != Purpose::kTemplate) return make_error(Errc::kInternal, "a template needs a template's context");
  FK_TRY(const std::size_t dimension, template_dimension(blob));
  Scratch scratch;
  const std::span<float> components(scratch.components.data(), dimension);
  FK_CHECK(open_blob_into(subject_key, aad, blob,
                          {reinterpret_cast<std::uint8_t*>(components.data()), components.size_bytes()}));
  return use(components);
}

Result<std::size_t> template_dimension(ByteView blob) {
  FK_TRY(const BlobHeader header, parse_blob_header(blob));
  const std::size_t size = blob.size() - kBlobOverhead;
  if (header.purpose != Purpose::kTemplate || size % sizeof(float) != 0 || size < kMinDimension * sizeof(float) ||
      size > kMaxDimension * sizeof(float)) {
    return make_error(Errc::kMalformed, "these bytes are not a sealed template");
  }
  return size / sizeof(float);
}

}  // namespace facekeep::seal
