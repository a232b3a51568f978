/* Made by gencodes from codes.def. */
#ifndef CODES_H
#define CODES_H

enum {
    CODE_WATER_LEVEL = 0x10,
    CODE_FLOW = 0x11,
    CODE_HATCH_OPEN = 0x20,
    CODE_BATTERY = 0x30,
};

struct code {
    int number;
    const char *name;
    int alarm;
};

static const struct code codes[] = {
    {CODE_WATER_LEVEL, "WATER_LEVEL", 0},
    {CODE_FLOW, "FLOW", 0},
    {CODE_HATCH_OPEN, "HATCH_OPEN", 0},
    {CODE_BATTERY, "BATTERY", 0},
};

enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

#endif
