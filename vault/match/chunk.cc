#include "vault/match/chunk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "vault/base/secret_bytes.h"
#include "vault/match/code_kernels.h"
#include "vault/match/cosine.h"

namespace facekeep::match {
namespace {

constexpr std::uint32_t kFullWithValues = 1024;

std::size_t leading_bytes(const ChunkShape& shape) {
  return shape.basis->axes() / 2;
}
std::size_t code_bytes(const ChunkShape& shape) {
  return leading_bytes(shape) + residual_bytes(shape.dimension) + 3;
}

}  // namespace

std::uint32_t ChunkShape::full() const {
  if (values) return kFullWithValues;
  return static_cast<std::uint32_t>(kChunkBytes / code_bytes(*this) / kBlockRows * kBlockRows);
}

Result<ChunkPtr> Chunk::create(Arena& arena, const ChunkShape& shape, std::uint32_t capacity) {
  const auto slots = static_cast<std::uint32_t>((capacity + kBlockRows - 1) / kBlockRows * kBlockRows);
  ArenaBlock codes;
  ArenaBlock values;
  if (shape.basis) {
    // A full chunk gets its huge page to the last byte.
    const std::size_t bytes = slots == shape.full() && !shape.values ? kChunkBytes : slots * code_bytes(shape);
    FK_TRY(codes, arena.allocate(bytes));
  }
  if (shape.values) {
    FK_TRY(values, arena.allocate(slots * padded_dimension(shape.dimension) * sizeof(float)));
  }
  return std::make_shared<Chunk>(shape, slots, std::move(codes), std::move(values));
}

Chunk::Chunk(ChunkShape of, std::uint32_t slots, ArenaBlock codes, ArenaBlock values)
    : shape(std::move(of)), capacity(slots), rows(slots), codes_(std::move(codes)), values_(std::move(values)) {
  free.reserve(slots);  // so that erasing never asks for memory
  if (shape.basis) residuals_ = codes_.data() + capacity * leading_bytes(shape);
}

Chunk::~Chunk() {
  codes_.reset();
  values_.reset();
  gone_.set_value();
}

float* Chunk::values(std::uint32_t slot) const {
  return reinterpret_cast<float*>(values_.data()) + slot * padded_dimension(shape.dimension);
}

const std::uint8_t* Chunk::residual(std::uint32_t slot) const {
  return residuals_ + slot * residual_bytes(shape.dimension);
}

void Chunk::copy_leading(std::uint32_t slot, std::uint8_t* out) const {
  const std::uint8_t* at = codes_.data() + leading_offset(slot, shape.basis->axes(), 0);
  for (std::size_t t = 0; t < leading_bytes(shape); t += 4, at += 64) std::memcpy(out + t, at, 4);
}

Code Chunk::code(std::uint32_t slot) const {
  Code code;
  copy_leading(slot, code.leading.data());
  std::copy_n(residual(slot), residual_bytes(shape.dimension), code.residual.data());
  code.a = a()[slot];
  code.b = b()[slot];
  code.c = c()[slot];
  code.scale = rows[slot].scale;
  code.error = rows[slot].error;
  return code;
}

void Chunk::write(std::uint32_t slot, const Code* code, const float* values) {
  if (shape.basis) {
    std::uint8_t* at = codes_.data() + leading_offset(slot, shape.basis->axes(), 0);
    for (std::size_t t = 0; t < leading_bytes(shape); t += 4, at += 64) std::memcpy(at, code->leading.data() + t, 4);
    const std::size_t bytes = residual_bytes(shape.dimension);
    std::copy_n(code->residual.data(), bytes, residuals_ + slot * bytes);
    std::uint8_t* bounds = residuals_ + capacity * bytes;
    bounds[slot] = code->a;
    bounds[capacity + slot] = code->b;
    bounds[2 * capacity + slot] = code->c;
    rows[slot].scale = code->scale;
    rows[slot].error = code->error;
  }
  if (shape.values) std::memcpy(this->values(slot), values, padded_dimension(shape.dimension) * sizeof(float));
}

void Chunk::wipe(std::uint32_t slot) {
  if (shape.basis) {
    const std::size_t bytes = residual_bytes(shape.dimension);
    for (std::size_t t = 0; t < leading_bytes(shape); t += 4) {
      cleanse({codes_.data() + leading_offset(slot, shape.basis->axes(), t), 4});
    }
    cleanse({residuals_ + slot * bytes, bytes});
    for (std::size_t i = 0; i < 3; ++i) cleanse({residuals_ + capacity * (bytes + i) + slot, 1});
  }
  if (shape.values) {
    cleanse({reinterpret_cast<std::uint8_t*>(values(slot)), padded_dimension(shape.dimension) * sizeof(float)});
  }
  Row& row = rows[slot];
  row.state.store(RowState::kFree, std::memory_order_release);
  row.order = 0;
  row.subject = 0;
  row.scale = 0;
  row.error = 0;
}

}  // namespace facekeep::match
