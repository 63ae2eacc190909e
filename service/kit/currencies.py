"""ISO 4217 currencies and the decimals of their minor units.

The table is ISO 4217's own. Babel's digits are CLDR's and follow what shops print (no decimals for
RSD, IQD, LBP, MGA and nine others), which would refuse or misplace amounts that banks and CRMs send.
Codes without a minor unit (gold, SDR, testing, "no currency") are not money and are left out.
"""

from service.kit.errors import Refusal

_TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
# Withdrawn from the standard in 2015 or later, still found in the history of CRMs and shops.
_WITHDRAWN = {
    "ANG": 2,
    "BGN": 2,
    "BYR": 0,
    "CUC": 2,
    "HRK": 2,
    "LTL": 2,
    "MRO": 2,
    "SLL": 2,
    "STD": 2,
    "VEF": 2,
    "ZWL": 2,
}

MINOR_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **{code: digits for digits, codes in _OTHER_DECIMALS.items() for code in codes.split()},
    **_WITHDRAWN,
}


def minor_digits(currency: str, field: str = "currency") -> int:
    """Decimals between the currency and its minor unit: EUR 2, JPY 0, KWD 3.

    Args:
        currency: ISO 4217 alphabetic code in capitals.
        field: path of the value, for the refusal.
    Raises:
        Refusal: `unknown_currency`.
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise Refusal(
            "unknown_currency",
            field,
            f"{currency[:12]!r} is not an ISO 4217 currency; write three capitals such as EUR",
        )
    return digits


def parse_currency(value: object, field: str = "currency") -> str:
    """The ISO 4217 code of a text in any case, with or without spaces around it.

    Raises:
        Refusal: `unknown_currency`.
    """
    code = value.strip().upper() if isinstance(value, str) else type(value).__name__
    minor_digits(code, field)
    return code
