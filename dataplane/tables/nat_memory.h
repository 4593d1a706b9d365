// Memory and values that a worker writes and control may look at meanwhile.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace viaduct::dataplane {

/// A field with one writer (a worker) and readers elsewhere (control, which tolerates a torn record): plain loads
/// and stores.
template <typename T>
class Cell {
public:
    [[nodiscard]] T get() const { return value_.load(std::memory_order_relaxed); }

    void set(T value) { value_.store(value, std::memory_order_relaxed); }

private:
    std::atomic<T> value_;
};

/// `bytes` of zeros that cost memory when they are touched; nullptr when there are none.
void* map_zeroed(std::size_t bytes);
void unmap_zeroed(void* at, std::size_t bytes);

/// An array of records for which all bits zero is a good first value. Taken by control; never grows.
template <typename T>
class ZeroedArray {
public:
    explicit ZeroedArray(std::size_t size)
        : size_(size), at_(static_cast<T*>(map_zeroed(size * sizeof(T)))) {}

    ~ZeroedArray() { unmap_zeroed(at_, size_ * sizeof(T)); }

    ZeroedArray(const ZeroedArray&) = delete;
    ZeroedArray& operator=(const ZeroedArray&) = delete;
    ZeroedArray(ZeroedArray&&) = delete;
    ZeroedArray& operator=(ZeroedArray&&) = delete;

    T& operator[](std::size_t i) { return at_[i]; }

    const T& operator[](std::size_t i) const { return at_[i]; }

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::size_t size_;
    T* at_;
};

}  // namespace viaduct::dataplane
