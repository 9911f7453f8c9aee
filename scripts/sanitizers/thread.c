// Tells ThreadSanitizer what it cannot see when the standard library comes without its source, and so is not compiled
// for it: linked into the tests by scripts/sanitize, which puts `__wrap_` functions in the place of others.
//
// 1. A lock that was contended is taken inside of the standard library, and a condition variable gives its lock back
//    and takes it again there. Locks without contention are inlined, and seen.
// 2. There a thread tells its scope that it has ended. That a thread was started or joined is seen.
// 3. What is made once, such as the value of a OnceLock, is given to other threads there. Whoever finds it made is inlined,
//    and seen to acquire it; here it is released, a moment after others may have found it.
// 4. ThreadSanitizer knows no fences. Arc's last drop is a release decrement and an acquire fence, so every Arc would
//    look freed in a race. Here an acquire fence acquires what this thread lately read without acquiring.
//
// None of it adds an order that the memory model does not have, except that a fence takes an atomic as it is then, not as
// it was when it was read. What is not told: release fences, and that `park` returns after `unpark`. Code that relies on
// either alone is reported, and this is the file to tell it in.

#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

// The mangled names of functions of the standard library are given on the command line.
#define WRAP(name) __asm__("__wrap_" name)
#define REAL(name) __asm__("__real_" name)

void real_lock_contended(void *mutex) REAL(LOCK_CONTENDED);
void wrap_lock_contended(void *mutex) WRAP(LOCK_CONTENDED);
void wrap_lock_contended(void *mutex) {
    real_lock_contended(mutex);
    __tsan_acquire(mutex);
}

void real_wait(void *condvar, void *mutex) REAL(WAIT);
void wrap_wait(void *condvar, void *mutex) WRAP(WAIT);
void wrap_wait(void *condvar, void *mutex) {
    __tsan_release(mutex);
    real_wait(condvar, mutex);
    __tsan_acquire(mutex);
}

bool real_wait_timeout(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds) REAL(WAIT_TIMEOUT);
bool wrap_wait_timeout(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds) WRAP(WAIT_TIMEOUT);
bool wrap_wait_timeout(void *condvar, void *mutex, uint64_t seconds, uint32_t nanoseconds) {
    __tsan_release(mutex);
    bool notified = real_wait_timeout(condvar, mutex, seconds, nanoseconds);
    __tsan_acquire(mutex);
    return notified;
}

// Which of the first two words is the count of running threads is for the compiler to choose, so both are released.
void real_leave_scope(uint64_t scope[2], bool panicked) REAL(LEAVE_SCOPE);
void wrap_leave_scope(uint64_t scope[2], bool panicked) WRAP(LEAVE_SCOPE);
void wrap_leave_scope(uint64_t scope[2], bool panicked) {
    __tsan_release(&scope[0]);
    __tsan_release(&scope[1]);
    real_leave_scope(scope, panicked);
}

void real_once(void *once, bool ignores_poison, void *make, void *table) REAL(ONCE);
void wrap_once(void *once, bool ignores_poison, void *make, void *table) WRAP(ONCE);
void wrap_once(void *once, bool ignores_poison, void *make, void *table) {
    real_once(once, ignores_poison, make, table);
    __tsan_acquire(once);
    __tsan_release(once);
}

// The orders as ThreadSanitizer numbers them.
enum { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQUIRE_RELEASE, SEQUENTIAL };

// What this thread lately read without acquiring. An acquire fence follows its read within a few instructions.
enum { LATELY = 8 };
static __thread void *read_lately[LATELY];
static __thread unsigned reads;

static inline void note(volatile void *address, int order) {
    if (order == RELAXED || order == RELEASE)
        read_lately[reads++ % LATELY] = (void *)address;
}

void __real___tsan_atomic_thread_fence(int order);
void __wrap___tsan_atomic_thread_fence(int order) {
    __real___tsan_atomic_thread_fence(order);
    if (order == RELEASE)
        return;
    for (int read = 0; read < LATELY; read++)
        if (read_lately[read])
            __tsan_acquire(read_lately[read]);
}

#define LOAD(bits)                                                                                                       \
    uint##bits##_t __real___tsan_atomic##bits##_load(const volatile void *, int);                                        \
    uint##bits##_t __wrap___tsan_atomic##bits##_load(const volatile void *address, int order) {                          \
        uint##bits##_t value = __real___tsan_atomic##bits##_load(address, order);                                        \
        note((volatile void *)address, order);                                                                           \
        return value;                                                                                                    \
    }

#define CHANGE(bits, operation)                                                                                          \
    uint##bits##_t __real___tsan_atomic##bits##_##operation(volatile void *, uint##bits##_t, int);                       \
    uint##bits##_t __wrap___tsan_atomic##bits##_##operation(volatile void *address, uint##bits##_t operand, int order) { \
        uint##bits##_t value = __real___tsan_atomic##bits##_##operation(address, operand, order);                        \
        note(address, order);                                                                                            \
        return value;                                                                                                    \
    }

#define COMPARE_EXCHANGE(bits)                                                                                           \
    uint##bits##_t __real___tsan_atomic##bits##_compare_exchange_val(volatile void *, uint##bits##_t, uint##bits##_t,    \
                                                                     int, int);                                          \
    uint##bits##_t __wrap___tsan_atomic##bits##_compare_exchange_val(                                                    \
        volatile void *address, uint##bits##_t expected, uint##bits##_t desired, int order, int failure) {               \
        uint##bits##_t value =                                                                                           \
            __real___tsan_atomic##bits##_compare_exchange_val(address, expected, desired, order, failure);               \
        note(address, value == expected ? order : failure);                                                              \
        return value;                                                                                                    \
    }

#define ATOMIC(bits)                                                                                                     \
    LOAD(bits)                                                                                                           \
    CHANGE(bits, exchange)                                                                                               \
    CHANGE(bits, fetch_add)                                                                                              \
    CHANGE(bits, fetch_sub)                                                                                              \
    CHANGE(bits, fetch_and)                                                                                              \
    CHANGE(bits, fetch_or)                                                                                               \
    CHANGE(bits, fetch_xor)                                                                                              \
    COMPARE_EXCHANGE(bits)

ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)
